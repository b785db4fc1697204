"""The state behind an explorer, without a screen: settings, pinned setting, guess."""

import math
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._compose import comparison, panel_data, table
from k8snet_lessons.explorers._knob import Knob, Value
from k8snet_lessons.explorers._protocol import Json
from k8snet_lessons.explorers._view import Prediction, View, with_unit

Settings = dict[str, Value]

#: Views kept: the setting now and the pinned one, coarse and fine, and one to spare.
_KEPT = 5


class Model(Protocol):
    """Settings in, a view out; pure, with its seed fixed, so that settings compare."""

    def __call__(self, settings: Settings, /, *, requests: int) -> View: ...


class Desk:
    """Settings of the knobs and everything that follows from them.

    Every change is tried first: when the model refuses it with an `InputError`, the
    desk stays as it was.
    """

    def __init__(
        self,
        knobs: Sequence[Knob],
        model: Model,
        presets: Mapping[str, Mapping[str, Any]],
        prediction: Prediction | None = None,
        fine: int = 100_000,
    ) -> None:
        self.knobs = {knob.name: knob for knob in knobs}
        if len(self.knobs) != len(knobs):
            raise InputError("knobs", [k.name for k in knobs], "names that occur once")
        self.defaults: Settings = {knob.name: knob.default for knob in knobs}
        self.presets = {name: self.checked(values) for name, values in presets.items()}
        self.prediction = prediction
        self.settings: Settings = self.defaults
        if prediction is not None:
            self.settings = self.defaults | self.checked(prediction.settings)
        self.pinned: Settings | None = None
        self.evidence = False
        self.guess: float | None = None
        self.covered = prediction is not None
        self.fine = fine
        self._model = model
        self._views: dict[tuple[object, ...], View] = {}
        self._keeping = threading.Lock()  # the fine picture is worked out in a thread of its own
        self._answer: View | None = None

    def checked(self, changes: Mapping[str, Any]) -> Settings:
        """The changes, each checked by its knob."""
        for name in changes:
            if name not in self.knobs:
                raise InputError("knob", name, "one of " + ", ".join(self.knobs))
        return {name: self.knobs[name].check(value) for name, value in changes.items()}

    def turn(self, changes: Mapping[str, Any], requests: int) -> None:
        """Turn some knobs; nothing changes when a value or the model refuses."""
        settings = self.settings | self.checked(changes)
        if not self.covered:
            self.view_of(settings, requests)
        self.settings = settings

    def preset(self, name: str) -> Settings:
        """All settings of a preset; knobs that it does not name stand at their default."""
        if name not in self.presets:
            raise InputError("preset", name, "one of " + ", ".join(self.presets))
        return self.defaults | self.presets[name]

    def commit(self, guess: object) -> str:
        """Take the learner's guess, uncover the plot and compare."""
        if self.prediction is None:
            raise InputError("guess", guess, "nothing: this explorer asks for no prediction")
        floor = self.prediction.minimum
        above = "" if floor is None else f" above {floor:g}"
        allowed = f"a number{above} ({self.prediction.unit})"
        try:
            number = float(str(guess).replace(",", "").strip())
        except ValueError:
            raise InputError("guess", guess, allowed) from None
        if not abs(number) < float("inf") or (floor is not None and number <= floor):
            raise InputError("guess", guess, allowed)
        self.guess, self.covered = number, False
        return self.verdict

    def recall(self, guess: object) -> None:
        """Take up a guess from an earlier day; one that no longer fits is passed over."""
        if guess is not None:
            with suppress(InputError):
                self.commit(guess)

    def view_of(self, settings: Settings, requests: int) -> View:
        """The view of a setting; the last few are kept."""
        key = _key(settings, requests)
        view = self._views.get(key)
        if view is None:
            view = self._model(dict(settings), requests=requests)
            with self._keeping:
                while len(self._views) >= _KEPT:
                    del self._views[next(iter(self._views))]
                self._views[key] = view
        return view

    def size_for(self, changes: Mapping[str, Any], coarse: int) -> int:
        """How fine the picture can be that follows a change without waiting for it."""
        wanted = [self.settings | self.checked(changes)]
        if self.pinned is not None:
            wanted.append(self.pinned)
        ready = self.covered or all(_key(one, self.fine) in self._views for one in wanted)
        return self.fine if ready else coarse

    def frame(self, requests: int) -> Json:
        """Everything to show now, whole."""
        if self.covered and self.prediction is not None:
            gate = {"question": self.prediction.question, "unit": self.prediction.unit}
            return {"settings": self.settings, "gate": gate, "panels": []}
        now = self.view_of(self.settings, requests)
        pinned = self.view_of(self.pinned, requests) if self.pinned is not None else None
        aligned = pinned is not None and len(pinned.panels) == len(now.panels)
        panels = []
        for index, panel in enumerate(now.panels):
            through = self.prediction is not None and index == self.prediction.panel
            panels.append(
                panel_data(
                    panel,
                    pinned.panels[index] if pinned is not None and aligned else None,
                    self.evidence,
                    self.guess if through else None,
                    self.prediction,
                )
            )
        return {
            "settings": self.settings,
            "gate": None,
            "headline": now.headline,
            "verdict": self.verdict,
            "table": table(now, pinned),
            "pinned": self.pinned is not None,
            "comparison": comparison(now, pinned, self.turned()) if pinned is not None else "",
            "notes": list(now.notes),
            "has": {
                "evidence": any(panel.evidence for panel in now.panels),
                "code": bool(now.code),
                "csv": now.csv is not None,
            },
            "evidence": self.evidence,
            "panels": panels,
        }

    @property
    def verdict(self) -> str:
        """The guess beside the model's answer, at the setting that was asked about."""
        if self.prediction is None or self.guess is None:
            return ""
        return self.prediction.verdict(self.guess, self._asked(self.prediction))

    @property
    def truth(self) -> float:
        """What the model answers to the question of the prediction; NaN where nothing."""
        prediction = self.prediction
        return math.nan if prediction is None else prediction.answer(self._asked(prediction))

    def _asked(self, prediction: Prediction) -> View:
        if self._answer is None:
            asked = self.defaults | self.checked(prediction.settings)
            self._answer = self.view_of(asked, self.fine)
        return self._answer

    def turned(self) -> str:
        """Which knobs differ between the pinned setting and now, in words."""
        pinned = self.pinned or {}
        parts = []
        for name, knob in self.knobs.items():
            before, after = pinned.get(name), self.settings[name]
            if before != after and before is not None:
                parts.append(f"{knob.label} {_said(knob, before)} → {_said(knob, after)}")
        return ", ".join(parts) or "nothing yet"


def _key(settings: Settings, requests: int) -> tuple[object, ...]:
    return requests, *sorted(settings.items())


def _said(knob: Knob, value: Value) -> str:
    if knob.kind == "choice":
        return dict(knob.options).get(value, str(value))
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str):
        return value
    return with_unit(value, knob.unit, 6)
