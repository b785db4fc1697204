"""Trees to typed objects, with every unknown field and wrong type noted on the way.

The model package has described its classes in two ways over the years (dataclasses, then
msgspec structures). Both say their fields, JSON names and required fields; `_schema` is the
only place that knows the difference.
"""

import dataclasses
import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from k8snet_lessons.cluster._yaml import ListNode, MapNode, Node, ScalarNode
from k8snet_lessons.cluster.problems import Path, Problem, Words, path_text

# The model package types these as plain mappings; the API has only text in them.
_TEXT_MAPS = frozenset(
    {"labels", "annotations", "matchLabels", "nodeSelector", "data", "stringData", "binaryData"}
)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How values of one type are read."""

    kind: Literal["scalar", "list", "map", "object", "any"]
    options: tuple[Any, ...] = ()
    item: "_Plan | None" = None
    model: type | None = None


@dataclass(frozen=True, slots=True)
class _Field:
    attribute: str
    plan: _Plan
    required: bool
    quantity: bool
    text_map: bool


@cache
def _schema(model: type) -> Mapping[str, _Field]:
    """Map each JSON name of a model class to how its attribute is typed."""
    hints = get_type_hints(model)
    names: dict[str, tuple[str, bool]] = {}
    if hasattr(model, "__struct_fields__"):
        attributes = model.__struct_fields__
        without_default = len(attributes) - len(model.__struct_defaults__)  # type: ignore[attr-defined]
        encoded = model.__struct_encode_fields__  # type: ignore[attr-defined]
        for index, (attribute, json) in enumerate(zip(attributes, encoded, strict=True)):
            names[json] = (attribute, index < without_default)
    else:
        for item in dataclasses.fields(model):
            missing = dataclasses.MISSING
            required = item.default is missing and item.default_factory is missing
            names[item.metadata.get("json", item.name)] = (item.name, required)
    raw = {name: text for base in model.__mro__ for name, text in _annotations(base).items()}
    return {
        json: _Field(
            attribute,
            _plan(hints[attribute]),
            required,
            "Quantity" in str(raw.get(attribute, "")),
            json in _TEXT_MAPS or (json == "selector" and _is_map(hints[attribute])),
        )
        for json, (attribute, required) in names.items()
    }


@cache
def _required(model: type) -> tuple[tuple[str, _Field], ...]:
    return tuple((name, item) for name, item in _schema(model).items() if item.required)


def _annotations(base: type) -> Mapping[str, Any]:
    return getattr(base, "__annotations__", {})


def _is_map(hint: Any) -> bool:
    return any(option is dict or get_origin(option) is dict for option in _options(hint))


@cache
def _plan(hint: Any) -> _Plan:
    options = _options(hint)
    hint = options[0]
    if len(options) > 1 or hint in _SCALARS:
        return _Plan("scalar", options)
    if get_origin(hint) is list:
        return _Plan("list", item=_plan(get_args(hint)[0]))
    if hint is dict or get_origin(hint) is dict:
        return _Plan("map")
    if isinstance(hint, type) and (
        dataclasses.is_dataclass(hint) or hasattr(hint, "__struct_fields__")
    ):
        return _Plan("object", model=hint)
    return _Plan("any")


def _options(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) in (Union, UnionType):
        return tuple(option for option in get_args(hint) if option is not type(None))
    return (hint,)


@dataclass(slots=True)
class Decoder:
    """Decodes one object; problems and the line of every field gather here."""

    subject: str
    document: int
    source: str = ""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines: dict[Path, int] = field(default_factory=dict)
    incomplete: bool = False

    def report(self, path: Path, value: Any, allowed: str) -> None:
        """Note a problem at a path; its line is that of the nearest field that is there."""
        self.problems.append(
            Problem(
                self.subject,
                path_text(path),
                Words("missing") if value is None else value,
                allowed,
                self.document,
                self.line_of(path),
                self.source,
            )
        )

    def line_of(self, path: Path) -> int:
        """The line of a field, or of what holds it where the field itself is missing."""
        for end in range(len(path), -1, -1):
            line = self.lines.get(path[:end])
            if line is not None:
                return line
        return 0

    def decode(self, node: Node, model: type) -> Any:
        """Build a model object from a tree; None if too much is wrong to look further.

        An unknown field is noted and left out, so that the rest can still be checked.
        """
        value = self._object(node, model, ())
        return None if self.incomplete else value

    def _object(self, node: Node, model: type, path: Path) -> Any:
        self.lines[path] = node.line
        if not isinstance(node, MapNode):
            self._wrong(path, node, "a mapping (lines of 'name: value')")
            return None
        schema = _schema(model)
        in_status = bool(path) and path[0] == "status"
        values: dict[str, Any] = {}
        for name, child in node.entries.items():
            known = schema.get(name)
            here = (*path, name)
            if known is None:
                self.lines[here] = node.key_lines.get(name, child.line)
                if in_status:
                    self.notes.append(f"{self.subject}: {path_text(here)} is not known and ignored")
                else:
                    self._unknown(here, name, schema)
                continue
            if isinstance(child, ScalarNode) and child.value is None:
                continue
            values[known.attribute] = self._value(child, known, here)
        missing = False
        for name, known in _required(model):
            if known.attribute not in values:
                if in_status:
                    values[known.attribute] = None
                else:
                    self.report((*path, name), None, "a value: the field is required")
                    missing = True
        if missing:
            self.incomplete = True
            return None
        return model(**values)

    def _wrong(self, path: Path, node: Node, allowed: str) -> None:
        self.incomplete = True
        self.report(path, plain(node), allowed)

    def _unknown(self, here: Path, name: str, schema: Mapping[str, _Field]) -> None:
        close = _nearest(name, tuple(schema))
        meant = f"; did you mean {close!r}?" if close else ""
        few = len(schema) <= 12
        known = f"one of {', '.join(sorted(schema))}" if few else "a field of the Kubernetes API"
        self.report(here, Words("unknown"), known + meant)

    def _value(self, node: Node, known: _Field, path: Path) -> Any:
        if known.text_map and isinstance(node, MapNode):
            return self._text_map(node, path)
        if known.quantity and isinstance(node, ScalarNode) and _is_number(node.value):
            self.lines[path] = node.line
            return str(node.value)
        return self._typed(node, known.plan, path)

    def _text_map(self, node: MapNode, path: Path) -> dict[str, str]:
        self.lines[path] = node.line
        texts: dict[str, str] = {}
        for key, child in node.entries.items():
            here = (*path, key)
            self.lines[here] = child.line
            if isinstance(child, ScalarNode) and isinstance(child.value, str):
                texts[key] = child.value
            elif isinstance(child, ScalarNode) and child.value is None:
                texts[key] = ""
            else:
                self.report(here, plain(child), "text; put a number or truth value in quotes")
        return texts

    def _typed(self, node: Node, plan: _Plan, path: Path) -> Any:
        self.lines[path] = node.line
        if plan.kind == "scalar":
            return self._scalar(node, plan.options, path)
        if plan.kind == "object" and plan.model is not None:
            return self._object(node, plan.model, path)
        if plan.kind == "list" and plan.item is not None:
            if not isinstance(node, ListNode):
                self._wrong(path, node, "a list (each entry after a '-')")
                return None
            item = plan.item
            return [
                self._typed(child, item, (*path, index)) for index, child in enumerate(node.items)
            ]
        if plan.kind == "map" and not isinstance(node, MapNode):
            self._wrong(path, node, "a mapping (lines of 'name: value')")
            return None
        return plain(node)

    def _scalar(self, node: Node, options: tuple[Any, ...], path: Path) -> Any:
        value = None
        if isinstance(node, ScalarNode):
            value = node.value
            for option in options:
                if _SCALARS[option].fits(value):
                    return value
        wanted = " or ".join(_SCALARS[option].words for option in options)
        hint = _quoting_hint(value, options)
        self._wrong(path, node, wanted + hint)
        return None


@dataclass(frozen=True, slots=True)
class _ScalarType:
    words: str
    fits: Callable[[Any], bool]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_SCALARS: Mapping[Any, _ScalarType] = {
    str: _ScalarType("text", lambda value: isinstance(value, str)),
    int: _ScalarType(
        "a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)
    ),
    float: _ScalarType("a number", _is_number),
    bool: _ScalarType("true or false", lambda value: isinstance(value, bool)),
    datetime: _ScalarType("a time such as 2026-01-31T12:00:00Z", lambda v: isinstance(v, str)),
}


def _quoting_hint(value: Any, options: tuple[Any, ...]) -> str:
    if options == (str,) and isinstance(value, int | float):
        return "; put it in quotes"
    if options == (int,) and isinstance(value, str) and value.lstrip("-").isdecimal():
        return "; leave the quotes out"
    if options == (bool,) and isinstance(value, str) and value.lower() in ("true", "false"):
        return "; leave the quotes out"
    return ""


def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    folded = {item.lower(): item for item in known}
    if name.lower() in folded:
        return folded[name.lower()]
    close = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.75)
    return folded[close[0]] if close else None


def plain(node: Node) -> Any:
    """Turn a tree into plain dictionaries, lists and scalars."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, ListNode):
        return [plain(item) for item in node.items]
    return {key: plain(child) for key, child in node.entries.items()}
