"""The explorer: knobs, plots and the same facts as text, in one widget."""

import csv
import io
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import anywidget
import traitlets

from k8snet_lessons.errors import InputError
from k8snet_lessons.explorers._code import code, style
from k8snet_lessons.explorers._desk import Desk, Model, Settings
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._learner import Learner
from k8snet_lessons.explorers._pace import Pace
from k8snet_lessons.explorers._plotly_js import plotly_js
from k8snet_lessons.explorers._protocol import Json, frame_change
from k8snet_lessons.explorers._refining import Refining
from k8snet_lessons.explorers._still import still_png
from k8snet_lessons.explorers._view import Prediction, View
from k8snet_lessons.figures.palette import DARK_FOR_LIGHT

_LOG = logging.getLogger(__name__)
#: Messages that leave the picture alone, and what is being worked out for it.
_ASIDE = ("plotly", "code", "csv")


def browser_code() -> str:
    """The widget's JavaScript: its parts joined into one ES module."""
    return code("courier", "knobs", "plots", "explorer")


class Explorer(anywidget.AnyWidget):
    """Knobs and the plots that follow them.

    Parameters
    ----------
    title : str
        Heading, and the first words of its text form.
    knobs : sequence of Knob
        In the order shown.
    view : callable
        ``view(settings, *, requests) -> View``: pure, its seed fixed inside, so that two
        settings differ by the effect and not by the noise. An `InputError` from it is
        shown in place and the last good plot stays.
    presets : mapping, optional
        Name to settings; what a preset does not name stands at its default.
    prediction : Prediction, optional
        Asked before the plot shows.
    still : str, optional
        Name of the picture in ``k8snet_lessons/data/stills`` for readers without a kernel.
    lesson : int, optional
        Number of the lesson that it belongs to, for the learner's record.
    preview_requests, requests : int
        Requests simulated while a knob moves (fewer where that takes too long), and when
        it rests.

    Examples
    --------
    >>> explorer = main_road()            # doctest: +SKIP
    >>> explorer.set(replicas=5)          # doctest: +SKIP
    >>> explorer.view.number("p99")       # doctest: +SKIP
    """

    _esm = browser_code()
    _css = style()
    spec = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        title: str,
        knobs: Sequence[Knob],
        view: Model,
        *,
        presets: Mapping[str, Mapping[str, Any]] | None = None,
        prediction: Prediction | None = None,
        still: str = "",
        lesson: int | None = None,
        preview_requests: int = 20_000,
        requests: int = 100_000,
    ) -> None:
        self.title = title
        self.still = still
        self._pace = Pace(preview_requests)
        self._learner = Learner(title, lesson)
        self._desk = Desk(knobs, view, presets or {}, prediction, fine=requests)
        if prediction is not None:
            self._desk.recall(self._learner.guess(prediction.question))
        self._sent: Json | None = None
        self._number = 0
        self._latest: object = None
        self._turn = threading.RLock()  # one message, or one refined picture, at a time
        self._refining = Refining()
        super().__init__(
            spec={
                "title": title,
                "knobs": [knob.spec() for knob in knobs],
                "presets": list(self._desk.presets),
                "dark": DARK_FOR_LIGHT,
            }
        )
        self.on_msg(self._answer)

    # -- for lessons -----------------------------------------------------------------

    @property
    def settings(self) -> Settings:
        """The knobs as they stand, name to value (a copy)."""
        return dict(self._desk.settings)

    @property
    def view(self) -> View:
        """What the model says at the present setting, at full precision."""
        return self._desk.view_of(self._desk.settings, self._desk.fine)

    @property
    def presets(self) -> tuple[str, ...]:
        """Names of the presets."""
        return tuple(self._desk.presets)

    def set(self, **settings: Any) -> None:
        """Turn knobs from Python; the picture follows.

        Raises
        ------
        InputError
            When a value is not allowed; nothing changes then.
        """
        self._desk.turn(settings, self._desk.fine)
        self._learner.touched()
        self._push()

    def load(self, preset: str) -> None:
        """Turn all knobs to a preset."""
        self.set(**self._desk.preset(preset))

    def reset(self) -> None:
        """Turn all knobs to their defaults and let go of the pinned setting."""
        self._desk.pinned = None
        self.set(**self._desk.defaults)

    def pin(self) -> None:
        """Keep the present setting in the picture as A, to compare others with it."""
        self._desk.pinned = self.settings
        self._push()

    def unpin(self) -> None:
        """Let go of the pinned setting."""
        self._desk.pinned = None
        self._push()

    def show_evidence(self, on: bool = True) -> None:
        """Lay the measured points over the plots, or take them away."""
        self._desk.evidence = on
        self._push()

    def commit(self, guess: float) -> str:
        """Commit a prediction; the plot is uncovered and the guess compared in words."""
        verdict = self._commit(guess)
        self._push()
        return verdict

    def _commit(self, guess: object) -> str:
        desk = self._desk
        verdict = desk.commit(guess)
        if desk.prediction is not None and desk.guess is not None:
            self._learner.guessed(desk.prediction.question, desk.guess, desk.truth)
        return verdict

    def uncover(self) -> None:
        """Show the plot without a guess, all knobs at their defaults."""
        self._desk.covered = False
        self._desk.settings = self._desk.defaults
        self._push()

    @property
    def guess(self) -> float | None:
        """The committed prediction, or None."""
        return self._desk.guess

    @property
    def verdict(self) -> str:
        """The committed prediction beside the answer, in words; empty before."""
        return self._desk.verdict

    @property
    def comparison(self) -> str:
        """The pinned setting against the present one, in words; empty when none is."""
        return str(self._desk.frame(self._desk.fine).get("comparison", ""))

    @property
    def code(self) -> str:
        """Python that reproduces the present plot."""
        return self.view.code

    def csv(self) -> str:
        """The present result as CSV text, one header line first."""
        rows = list(self.view.csv()) if self.view.csv is not None else []
        text = io.StringIO()
        if rows:
            writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        return text.getvalue()

    # -- how it is shown -------------------------------------------------------------

    def __repr__(self) -> str:
        knobs = ", ".join(f"{name}={value!r}" for name, value in self._desk.settings.items())
        return f"<Explorer {self.title!r}: {knobs}>"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[Json, Json]:
        # anywidget cuts a long text form short; this one is the alternative to the picture.
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        data["text/plain"] = repr(self)
        return data, metadata

    def _ipython_display_(self) -> None:
        """Show the still first, in an output of its own, then the live explorer.

        Where no kernel runs (GitHub, nbviewer, after a restart) the still remains; the
        live explorer hides it once it has drawn.
        """
        from IPython.display import publish_display_data

        png = still_png(self.still) if self.still else None
        if png is not None:
            still = {"image/png": png, "text/plain": f"<still picture of {self.title!r}>"}
            publish_display_data(  # type: ignore[no-untyped-call]
                still, {"image/png": {"width": 940}}
            )
        data, metadata = self._repr_mimebundle_()
        publish_display_data(data, metadata)  # type: ignore[no-untyped-call]

    # -- messages --------------------------------------------------------------------

    def _answer(self, _: Any, message: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        """Answer one message of the browser; each gets one answer, or a newer one instead."""
        seq = message.get("seq")
        if message.get("kind") not in _ASIDE:
            self._refining.stop()
            self._latest = seq
        with self._turn:
            try:
                self._act(message)
            except Exception as error:
                self._failed(seq, error)

    def _failed(self, seq: object, error: Exception) -> None:
        """Tell the browser what went wrong, whatever a model does: it waits for an answer."""
        if isinstance(error, InputError):
            self.send({"kind": "error", "seq": seq, "field": error.field, "text": str(error)})
            return
        _LOG.error("explorer %r failed", self.title, exc_info=error)
        text = f"The model failed ({type(error).__name__}: {error}). The last plot stays."
        self.send({"kind": "error", "seq": seq, "field": "", "text": text})

    def _act(self, message: Mapping[str, Any]) -> None:
        kind, seq, desk = message.get("kind"), message.get("seq"), self._desk
        if kind == "plotly":
            version, source = plotly_js()
            self.send({"kind": "plotly", "seq": seq, "version": version}, [source])
            return
        if kind == "code":
            self.send({"kind": "code", "seq": seq, "text": self.code})
            return
        if kind == "csv":
            name = self.title.lower().replace(" ", "-") + ".csv"
            self.send({"kind": "csv", "seq": seq, "name": name, "text": self.csv()})
            return
        if kind == "refine":
            self._refine(seq)
            return
        size = desk.fine
        if kind == "move":
            size = self._turn_to(message.get("settings", {}))
        elif kind == "preset":
            size = self._turn_to(desk.preset(str(message.get("name"))))
        elif kind == "reset":
            desk.pinned = None
            size = self._turn_to(desk.defaults)
        elif kind == "pin":
            desk.pinned = self.settings
            size = desk.size_for({}, self._pace.requests)
        elif kind == "unpin":
            desk.pinned = None
            size = desk.size_for({}, self._pace.requests)
        elif kind == "evidence":
            desk.evidence = bool(message.get("on"))
            size = desk.size_for({}, self._pace.requests)
        elif kind == "hello":
            self._sent = None
        elif kind == "commit":
            self._commit(message.get("value"))
        elif kind == "skip":
            desk.covered = False
        else:
            raise InputError("message", kind, "a kind that this version of the course knows")
        if kind != "hello":
            self._learner.touched()
        self._push(seq, size)

    def _turn_to(self, changes: Mapping[str, Any]) -> int:
        """Turn knobs; return how many requests the picture that follows stands on."""
        desk = self._desk
        size = desk.size_for(changes, self._pace.requests)
        began = time.perf_counter()
        desk.turn(changes, size)
        if size != desk.fine:
            self._pace.took(time.perf_counter() - began)
        return size

    def _refine(self, seq: object) -> None:
        """Work out the fine picture beside the messages; the next one ends that."""
        desk = self._desk
        settings, pinned = desk.settings, desk.pinned

        def work() -> None:
            for one in (settings, pinned):
                if one is not None:
                    desk.view_of(one, desk.fine)

        def done(failed: Exception | None) -> None:
            with self._turn:
                if self._latest != seq:
                    return
                try:
                    if failed is not None:
                        raise failed
                    self._push(seq, desk.fine)
                except Exception as error:
                    self._failed(seq, error)

        self._refining.start(work, done)

    def _push(self, seq: object = None, requests: int = 0) -> None:
        """Send what changed since the last frame; nothing when no browser has asked yet."""
        if self._sent is None and seq is None:
            return
        with self._turn:
            frame = self._desk.frame(requests or self._desk.fine)
            frame["kept"] = self._learner.said if self._desk.verdict else ""
            message, buffers = frame_change(self._sent, frame)
            message |= {"kind": "frame", "seq": seq, "number": self._number + 1}
            message["base"] = None if self._sent is None else self._number
            message["rest"] = requests in (0, self._desk.fine)
            self._number += 1
            self._sent = frame
            self.send(message, buffers)
