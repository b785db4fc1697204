"""What is wrong with manifests, gathered so that all of it can be said at once."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from k8snet_lessons.errors import InputError

Path: TypeAlias = tuple[str | int, ...]


class Words(str):
    """A description that stands where a value would, and is shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that must change.

    Attributes
    ----------
    subject : str
        The object, such as ``"Service shop/web"``.
    path : str
        The field inside it, such as ``"spec.ports[0].port"``.
    value : object
        What stands there.
    allowed : str
        What may stand there.
    document, line : int
        Where, both counted from 1; 0 where the object was not read from text.
    source : str
        The file, where there is one.
    """

    subject: str
    path: str
    value: Any
    allowed: str
    document: int = 0
    line: int = 0
    source: str = ""

    @property
    def where(self) -> str:
        """The place in words: ``"document 2, line 14"``."""
        parts = [self.source] if self.source else []
        if self.document:
            parts.append(f"document {self.document}")
        if self.line:
            parts.append(f"line {self.line}")
        return ", ".join(parts)

    @property
    def field(self) -> str:
        """Object and field together."""
        return f"{self.subject}: {self.path}" if self.path else self.subject


class ManifestError(InputError):
    """Manifests that cannot be used; ``problems`` lists everything that is wrong with them.

    The attributes of `InputError` (``field``, ``value``, ``allowed``, ``where``) are those of
    the first problem; the message has them all.
    """

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        super().__init__(first.field, first.value, first.allowed, first.where)
        self.problems = problems
        if len(problems) > 1:
            lines = [str(InputError(p.field, p.value, p.allowed, p.where)) for p in problems]
            shown = lines[:MAX_SHOWN]
            if len(lines) > MAX_SHOWN:
                shown.append(f"and {len(lines) - MAX_SHOWN} more")
            self.args = (f"{len(problems)} problems:\n  " + "\n  ".join(shown),)


MAX_SHOWN = 50


def path_text(path: Path) -> str:
    """Write a path the way Kubernetes does: ``spec.ports[0].port``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
