"""What an experiment is, and how one run of it becomes a record."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import FrameType
from typing import Any

from k8snet_lessons.data.measured import Record, Series
from k8snet_lessons.lab import machine
from k8snet_lessons.lab.errors import LabError, Stopped
from k8snet_lessons.lab.needs import Need, require

Progress = Callable[[float, str], None]
_ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Run:
    """How to run: fewer and smaller settings when ``quick``; order drawn from ``seed``."""

    quick: bool = False
    seed: int = 1
    progress: Progress = lambda share, label: None


@dataclass(frozen=True)
class Result:
    """What an experiment found, before its provenance is added."""

    parameters: Mapping[str, Any]
    series: tuple[Series, ...]
    findings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """One experiment.

    Attributes
    ----------
    name : str
    question : str
        What it answers, in one sentence.
    limits : str
        What it cannot show, and why, in one sentence.
    needs : tuple of Need
        Without one of these it does not start.
    tools : tuple of str
        Programs whose versions belong in the record.
    bound_s : tuple of float
        Time after which a full and a quick run are stopped.
    body : callable
        ``Run`` in, `Result` out.
    """

    name: str
    question: str
    limits: str
    needs: tuple[Need, ...]
    tools: tuple[str, ...]
    bound_s: tuple[float, float]
    body: Callable[[Run], Result]


def measure(experiment: Experiment, run: Run, command: str) -> Record:
    """Run an experiment and return its record.

    Raises
    ------
    CannotRun
        If this machine lacks something it needs.
    LabError
        If it fails or overruns its bound. All it made is gone by then.
    Stopped
        If a signal ended it.
    """
    require(experiment.needs)
    bound_s = experiment.bound_s[1 if run.quick else 0]
    load_before = machine.load_average()
    taken_at = datetime.now().astimezone().isoformat(timespec="seconds")
    start = time.monotonic()
    try:
        with _stopped_by(_ENDINGS, bound_s) as look:

            def progress(share: float, label: str) -> None:
                look()
                run.progress(share, label)

            result = experiment.body(replace(run, progress=progress))
            look()
    except _Interrupted as stop:
        raise stop.error from None
    except LabError:
        raise
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise LabError(" ".join(f"{type(error).__name__}: {error}".split())) from error
    return Record(
        experiment=experiment.name,
        question=experiment.question,
        limits=experiment.limits,
        machine=machine.describe(experiment.tools),
        taken_at=taken_at,
        command=command,
        duration_s=round(time.monotonic() - start, 1),
        load_average=(load_before, machine.load_average()),
        parameters={"quick": run.quick, "seed": run.seed, **result.parameters},
        series=result.series,
        findings=result.findings,
    )


class _Interrupted(KeyboardInterrupt):
    """Passes through whatever catches ordinary exceptions, asyncio's callbacks among them."""

    def __init__(self, error: LabError) -> None:
        super().__init__(str(error))
        self.error = error


@contextmanager
def _stopped_by(
    signals: tuple[signal.Signals, ...], after_s: float
) -> Iterator[Callable[[], None]]:
    """Raise at a signal or when the time is up; the function that it gives raises once more.

    A plain SIGTERM would skip every `finally`; as an exception it unwinds them. But Python
    swallows what is raised in a destructor or around a fork, so it has to be looked for too.
    """
    ended: list[LabError] = []

    def look() -> None:
        if ended:
            raise _Interrupted(ended[0])

    def interrupt(number: int, frame: FrameType | None) -> None:
        ended.append(Stopped(f"stopped by {signal.Signals(number).name}"))
        look()

    def overrun(number: int, frame: FrameType | None) -> None:
        ended.append(LabError(f"stopped: it had not ended after {after_s:g} s"))
        look()

    # What was swallowed is raised again, so there is nothing to print about it.
    print_unraisable = sys.unraisablehook

    def unraisable(swallowed: "sys.UnraisableHookArgs") -> None:
        if not isinstance(swallowed.exc_value, _Interrupted):
            print_unraisable(swallowed)

    sys.unraisablehook = unraisable
    # What is ignored stays so: nohup means that the run shall outlive its terminal.
    heard = [each for each in signals if signal.getsignal(each) != signal.SIG_IGN]
    before = {each: signal.signal(each, interrupt) for each in heard}
    before[signal.SIGALRM] = signal.signal(signal.SIGALRM, overrun)
    signal.setitimer(signal.ITIMER_REAL, after_s)
    try:
        yield look
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
        sys.unraisablehook = print_unraisable
