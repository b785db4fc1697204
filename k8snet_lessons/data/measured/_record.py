"""The shape of a record: frozen dataclasses, checked when read and when written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from k8snet_lessons.errors import InputError

SCHEMA = "k8snet-record/1"
QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)

Scalar = bool | int | float | str | None


class RecordError(InputError):
    """A record does not have the shape it claims."""


@dataclass(frozen=True)
class Sketch:
    """How a set of samples is spread: the values at `QUANTILES`, their mean and count."""

    count: int
    mean: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, samples: Sequence[float], digits: int = 3) -> Self:
        """Sketch ``samples`` (at least one), rounded to ``digits`` decimals.

        Quantiles are interpolated between order statistics, as NumPy does by default.
        """
        ordered = sorted(samples)
        if not ordered:
            raise RecordError("samples", samples, "at least one value")
        last = len(ordered) - 1
        values = []
        for quantile in QUANTILES:
            place = quantile * last
            low = int(place)
            high = min(low + 1, last)
            value = ordered[low] + (ordered[high] - ordered[low]) * (place - low)
            values.append(round(value, digits))
        mean = round(sum(ordered) / len(ordered), digits)
        return cls(count=len(ordered), mean=mean, values=tuple(values))

    def at(self, quantile: float) -> float:
        """The value at one of `QUANTILES`."""
        if quantile not in QUANTILES:
            raise RecordError("quantile", quantile, f"one of {', '.join(map(str, QUANTILES))}")
        return self.values[QUANTILES.index(quantile)]


@dataclass(frozen=True)
class Series:
    """What was measured under one setting.

    Attributes
    ----------
    name : str
        What was measured: ``"connect"``, ``"full load"``.
    unit : str
        Unit of every sample: ``"us"``, ``"s"``, ``"bytes"``, ``"packets"``.
    where : mapping
        The setting: ``{"mode": "iptables-legacy", "services": 5000}``.
    samples : tuple of float
        Raw samples in the order taken, or, where there is a sketch, the minimum of each round.
    sketch : Sketch or None
        All samples of the series, where they are too many to keep.
    """

    name: str
    unit: str
    where: Mapping[str, Scalar]
    samples: tuple[float, ...] = ()
    sketch: Sketch | None = None

    @property
    def minimum(self) -> float:
        return self.sketch.at(0.0) if self.sketch else min(self.samples)

    @property
    def median(self) -> float:
        if self.sketch:
            return self.sketch.at(0.5)
        return Sketch.of(self.samples, digits=9).at(0.5)

    def matches(self, **setting: Scalar) -> bool:
        """Whether the series was taken under this setting (all keys equal)."""
        return all(self.where.get(key) == value for key, value in setting.items())


@dataclass(frozen=True)
class Machine:
    """Where a record was taken."""

    kernel: str
    architecture: str
    cpu: str
    cpus: int
    memory_mib: int
    virtual: bool
    distribution: str
    tools: Mapping[str, str] = field(default_factory=dict)

    @property
    def linux(self) -> str:
        """The kernel's version without what its builder added: ``6.18.44``."""
        return self.kernel.split("-")[0]


@dataclass(frozen=True)
class Record:
    """One run of one experiment on one machine.

    Attributes
    ----------
    experiment : str
        Name of the experiment that `k8snet measure` runs.
    question : str
        What it answers.
    limits : str
        One sentence: what it cannot show on this machine, and why.
    machine : Machine
    taken_at : str
        ISO 8601 with offset.
    command : str
    duration_s : float
    load_average : tuple of float
        One-minute load average before and after: how quiet the machine was.
    parameters : mapping
    series : tuple of Series
    findings : mapping
        Counts and facts that are not distributions: exact, one value each.
    """

    experiment: str
    question: str
    limits: str
    machine: Machine
    taken_at: str
    command: str
    duration_s: float
    load_average: tuple[float, float]
    parameters: Mapping[str, Any]
    series: tuple[Series, ...]
    findings: Mapping[str, Any] = field(default_factory=dict)

    def find(self, name: str, /, **setting: Scalar) -> list[Series]:
        """Every series of that name taken under that setting."""
        return [each for each in self.series if each.name == name and each.matches(**setting)]

    def one(self, name: str, /, **setting: Scalar) -> Series:
        """The single series of that name and setting; `RecordError` unless there is exactly one."""
        found = self.find(name, **setting)
        if len(found) != 1:
            raise RecordError(
                f"series {name!r} with {setting}", len(found), "exactly one", self.experiment
            )
        return found[0]

    def to_text(self) -> str:
        """The record as JSON, one series to a line."""
        plain = {"schema": SCHEMA, **asdict(self)}
        series = plain.pop("series")
        for each in series:
            if each["sketch"] is None:
                del each["sketch"]
        head = json.dumps(plain, indent=1, allow_nan=False)
        lines = ",\n  ".join(json.dumps(each, allow_nan=False) for each in series)
        return f'{head[:-2]},\n "series": [\n  {lines}\n ]\n}}\n'

    def write(self, folder: Path) -> Path:
        """Check the record and write it to ``folder/<experiment>.json``."""
        text = self.to_text()
        from_text(text, self.experiment)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.experiment}.json"
        # Whole or not at all: a full disk or a signal must not leave half a record.
        fresh = path.with_suffix(".json.new")
        fresh.write_text(text)
        fresh.replace(path)
        return path


def folder() -> Path:
    """Where the records that ship with the course stand."""
    return Path(__file__).parent


def names() -> list[str]:
    """The records that ship with the course."""
    return sorted(path.stem for path in folder().glob("*.json"))


def load(name: str) -> Record:
    """Read a record that ships with the course."""
    if name not in names():
        raise RecordError("record", name, f"one of {', '.join(names()) or 'none yet'}")
    return read(folder() / f"{name}.json")


def read(path: Path) -> Record:
    """Read and check a record file."""
    return from_text(path.read_text(), path.name)


def from_text(text: str, where: str) -> Record:
    """Read and check a record's JSON text; `RecordError` names the field that is wrong."""
    try:
        plain = json.loads(text)
    except json.JSONDecodeError as error:
        raise RecordError("record", error.msg, "JSON", f"{where}, line {error.lineno}") from None
    if not isinstance(plain, dict) or plain.get("schema") != SCHEMA:
        schema = plain.get("schema") if isinstance(plain, dict) else type(plain).__name__
        raise RecordError("schema", schema, SCHEMA, where)
    get = _Fields(plain, where)
    machine = _Fields(get("machine", dict), f"{where}: machine")
    load_average = get("load_average", list)
    if len(load_average) != 2:
        raise RecordError("load_average", load_average, "two numbers", where)
    taken_at = get("taken_at", str)
    try:
        aware = datetime.fromisoformat(taken_at).tzinfo is not None
    except ValueError:
        aware = False
    if not aware:
        raise RecordError("taken_at", taken_at, "an ISO 8601 time with its offset", where)
    series = tuple(
        _series(each, f"{where}: series[{i}]") for i, each in enumerate(get("series", list))
    )
    return Record(
        experiment=get("experiment", str),
        question=get("question", str),
        limits=get("limits", str),
        machine=Machine(
            kernel=machine("kernel", str),
            architecture=machine("architecture", str),
            cpu=machine("cpu", str),
            cpus=machine("cpus", int),
            memory_mib=machine("memory_mib", int),
            virtual=machine("virtual", bool),
            distribution=machine("distribution", str),
            tools=machine("tools", dict),
        ),
        taken_at=taken_at,
        command=get("command", str),
        duration_s=get("duration_s", float),
        load_average=(float(load_average[0]), float(load_average[1])),
        parameters=get("parameters", dict),
        series=series,
        findings=get("findings", dict),
    )


class _Fields:
    """Fetch fields of a JSON object by name and type."""

    def __init__(self, plain: Any, where: str) -> None:
        if not isinstance(plain, dict):
            raise RecordError("value", plain, "a JSON object", where)
        self._plain = plain
        self._where = where

    def __call__(self, name: str, kind: type) -> Any:
        value = self._plain.get(name)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise RecordError(name, value, f"a {kind.__name__}", self._where)
        return value


def _series(plain: Any, where: str) -> Series:
    get = _Fields(plain, where)
    samples = _numbers(get("samples", list), "samples", where)
    sketch = None
    if plain.get("sketch") is not None:
        inner = _Fields(plain["sketch"], f"{where}.sketch")
        values = _numbers(inner("values", list), "values", where)
        if len(values) != len(QUANTILES) or list(values) != sorted(values):
            allowed = f"{len(QUANTILES)} numbers, none below the one before"
            raise RecordError("sketch.values", values, allowed, where)
        sketch = Sketch(inner("count", int), inner("mean", float), values)
    if not samples and sketch is None:
        raise RecordError("samples", samples, "at least one number, or a sketch", where)
    return Series(get("name", str), get("unit", str), get("where", dict), samples, sketch)


def _numbers(values: list[Any], name: str, where: str) -> tuple[float, ...]:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RecordError(name, value, "numbers only", where)
    return tuple(values)
