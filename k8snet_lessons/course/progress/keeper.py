"""Keeping events when the store refuses: first beside it, then in memory.

An event that the store does not take (locked for long, full disk, broken file, a newer
version's file) becomes a small file of its own in a folder beside it. One file an event
needs no lock: it appears whole, by a rename, and whoever next finds the store well takes
it in. Where not even that can be written, events stay in memory while the kernel lives,
and go in as soon as they can.
"""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock

from k8snet_lessons.course.progress.event import Event, read_event
from k8snet_lessons.course.progress.store import Store, StoreError

ASIDE = ".waiting"


class Keeper:
    """All events of one place, whatever happens to the disk.

    Parameters
    ----------
    path : Path
        The store's file.
    """

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.aside = path.with_name(path.name + ASIDE)
        self._memory: dict[str, Event] = {}
        self._known: set[str] = set()
        self._said: set[str] = set()
        self._lock = Lock()

    def keep(self, events: Sequence[Event]) -> str:
        """Keep events. Return one line for the learner if they had to go elsewhere, once."""
        with self._lock:
            fresh = [one for one in events if one.id not in self._known]
            if not fresh:
                return ""
            notice = self._keep(fresh)
            self._known |= {one.id for one in fresh}
            if notice in self._said:
                return ""
            self._said |= {notice} - {""}
            return notice

    def events(self) -> tuple[list[Event], str]:
        """Return every event that can be read, oldest first, and what stands in the way."""
        with self._lock:
            waiting = self._waiting()
            held = [*waiting.values(), *self._memory.values()]
            notice = ""
            try:
                if held:
                    self.store.add(held)
                    self._settle(waiting)
                stored = self.store.events()
            except StoreError as error:
                notice = self._why(error)
                stored = self._readable()
            found = {one.id: one for one in (*stored, *held)}
        return sorted(found.values(), key=lambda one: (one.at, one.id)), notice

    def clear(self) -> None:
        """Forget everything.

        Raises
        ------
        StoreError
            When a file cannot be deleted.
        """
        with self._lock:
            self.store.remove()
            try:
                if self.aside.is_dir():
                    for file in self.aside.iterdir():
                        file.unlink(missing_ok=True)
                    self.aside.rmdir()
            except OSError as error:
                raise StoreError(error.strerror or str(error)) from None
            self._memory.clear()
            self._known.clear()

    def _keep(self, events: Sequence[Event]) -> str:
        waiting = self._waiting()
        try:
            self.store.add([*waiting.values(), *self._memory.values(), *events])
        except StoreError as error:
            try:
                self._put_aside(events)
            except OSError:
                self._memory |= {one.id: one for one in events}
            return self._why(error)
        self._settle(waiting)
        return ""

    def _why(self, error: StoreError) -> str:
        if self._memory:
            return (
                f"Your progress cannot be written to {self.store.path} ({error}); it is kept "
                "until this kernel ends."
            )
        return (
            f"The record of your progress, {self.store.path}, cannot be used now ({error}); "
            f"what you do is kept beside it, in {self.aside.name}."
        )

    def _readable(self) -> list[Event]:
        try:
            return self.store.events()
        except StoreError:
            return []

    def _put_aside(self, events: Iterable[Event]) -> None:
        self.aside.mkdir(parents=True, exist_ok=True)
        for number, event in enumerate(events):
            stem = f"{event.at:%Y%m%dT%H%M%S%f}-{os.getpid()}-{number}"
            unfinished = self.aside / f"{stem}.part"
            try:
                unfinished.write_text(json.dumps(event.to_json()), encoding="utf-8")
                unfinished.replace(self.aside / f"{stem}.json")
            except OSError:
                unfinished.unlink(missing_ok=True)
                raise

    def _waiting(self) -> dict[Path, Event]:
        """Events in files of their own; a file that holds none is left where it is."""
        found = {}
        try:
            files = sorted(self.aside.glob("*.json"))
        except OSError:
            return {}
        for file in files:
            try:
                found[file] = read_event(json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError):
                continue
        return found

    def _settle(self, waiting: Iterable[Path]) -> None:
        """The store has everything: what was kept elsewhere may go."""
        self._memory.clear()
        with suppress(OSError):
            for file in waiting:
                file.unlink(missing_ok=True)
            self.aside.rmdir()
