"""YAML text to a tree that remembers its lines, within limits that a hostile text cannot pass.

The parser is PyYAML's; the tree is built here from its events, because a loader that makes
plain dictionaries forgets where each value stood. Nothing is ever constructed from a tag.
Plain words are read the way the Kubernetes API server reads them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from k8snet_lessons.cluster.problems import Words
from k8snet_lessons.errors import InputError

MAX_CHARACTERS = 64 * 1024 * 1024
MAX_DEPTH = 64
MAX_ALIASES = 256
MAX_VALUES = 5_000_000

Scalar: TypeAlias = str | int | float | bool | None

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,18})\Z")
_INT_OTHER = re.compile(r"([-+]?)0(?:x([0-9a-fA-F]{1,16})|o?([0-7]{1,21})|b([01]{1,63}))\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,4})?\Z")
_CORE_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


@dataclass(slots=True)
class ScalarNode:
    """A single value and its line, counted from 1."""

    value: Scalar
    line: int
    size: int = 1


@dataclass(slots=True)
class ListNode:
    """A sequence."""

    line: int
    items: "list[Node]" = field(default_factory=list)
    size: int = 1


@dataclass(slots=True)
class MapNode:
    """A mapping: the entries by key, and the line on which each key stands."""

    line: int
    entries: "dict[str, Node]" = field(default_factory=dict)
    key_lines: dict[str, int] = field(default_factory=dict)
    size: int = 1


Node: TypeAlias = ScalarNode | ListNode | MapNode


def read_documents(text: str, source: str = "") -> Iterator[tuple[int, Node]]:
    """Read every non-empty document of a YAML text.

    Parameters
    ----------
    text : str
    source : str, optional
        A file name to put before the line in an error.

    Yields
    ------
    number : int
        Which document it is, counted from 1; empty documents count too.
    node : Node

    Raises
    ------
    InputError
        If the text is not YAML, is too large or too deep, has a tag that would construct an
        object, repeats a key, or has too many aliases.
    """
    prefix = f"{source}, " if source else ""
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            "manifests",
            Words(f"{len(text)} characters"),
            f"at most {MAX_CHARACTERS} characters",
            source,
        )
    reader = _Reader(prefix)
    try:
        events = yaml.parse(text, Loader=_LOADER)
        for event in events:
            document = reader.feed(event)
            if document is not None:
                yield document
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        line = f"line {mark.line + 1}" if mark else ""
        problem = " ".join(part for part in (error.context, error.problem) if part)
        said = Words(f"not understood ({problem})")
        where = f"{prefix}document {max(reader.number, 1)}{', ' + line if line else ''}"
        raise InputError("YAML", said, "text that is valid YAML", where) from None
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        said = Words(f"not understood ({' '.join(str(error).split())})")
        place = getattr(error, "position", None)
        line = f"{prefix}line {text.count(chr(10), 0, place) + 1}" if place is not None else source
        raise InputError("YAML", said, "text that is valid YAML", line) from None


class _Reader:
    """Builds nodes from parser events with a stack of its own, so that depth is bounded."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.number = 0
        self.values = 0
        self.aliases = 0
        self.anchors: dict[str, Node] = {}
        self.stack: list[_Open] = []
        self.root: Node | None = None

    def feed(self, event: Any) -> tuple[int, Node] | None:
        if isinstance(event, yaml.ScalarEvent):
            if event.tag:
                self._check_tag(event)
            value = resolve_plain(event.value) if event.implicit[0] else event.value
            mark: Any = event.start_mark
            node = ScalarNode(value, mark.line + 1)
            if event.anchor:
                self.anchors[event.anchor] = node
            self._place(node)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._check_tag(event)
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            closed = self.stack.pop()
            if closed.anchor:
                self.anchors[closed.anchor] = closed.node
            self._place(closed.node)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.number += 1
            self.anchors = {}
            self.root = None
        elif isinstance(event, yaml.DocumentEndEvent):
            root, self.root = self.root, None
            if root is not None and not (isinstance(root, ScalarNode) and root.value is None):
                return self.number, root
        return None

    def _error(self, field: str, said: str, allowed: str, line: int) -> InputError:
        return InputError(field, Words(said), allowed, self._where(line))

    def _where(self, line: int) -> str:
        return f"{self.prefix}document {self.number}, line {line}"

    def _check_tag(self, event: Any) -> None:
        if event.tag and event.tag != "!" and event.tag not in _CORE_TAGS:
            raise InputError(
                "YAML tag",
                event.tag,
                "no tag: manifests are plain data",
                self._where(event.start_mark.line + 1),
            )

    def _open(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if len(self.stack) >= MAX_DEPTH:
            raise self._error("nesting", f"deeper than {MAX_DEPTH} levels", "fewer levels", line)
        mapping = isinstance(event, yaml.MappingStartEvent)
        node: Node = MapNode(line) if mapping else ListNode(line)
        self.stack.append(_Open(node, event.anchor))

    def _alias(self, event: Any) -> None:
        line = event.start_mark.line + 1
        self.aliases += 1
        if self.aliases > MAX_ALIASES:
            raise self._error(
                "YAML aliases",
                f"more than {MAX_ALIASES}",
                f"at most {MAX_ALIASES} in one text",
                line,
            )
        target = self.anchors.get(event.anchor)
        if target is None:
            raise InputError(
                "YAML alias",
                f"*{event.anchor}",
                "an anchor that is complete before the alias",
                self._where(line),
            )
        # Nested aliases are counted as the values they expand to, not as the few characters
        # they take.
        self._place(target, target.size)

    def _place(self, node: Node, count: int = 1) -> None:
        self.values += count
        if self.values > MAX_VALUES:
            raise self._error("YAML", f"more than {MAX_VALUES} values", "fewer values", node.line)
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        container = parent.node
        container.size += node.size
        if isinstance(container, ListNode):
            container.items.append(node)
        elif isinstance(container, MapNode):
            self._place_in_map(parent, container, node)

    def _place_in_map(self, parent: "_Open", container: MapNode, node: Node) -> None:
        if parent.key is None:
            parent.key = self._key(node)
            parent.key_line = node.line
            return
        key, line = parent.key, parent.key_line
        parent.key = None
        if key == "<<":
            self._merge(container, node, line)
            return
        if key in container.key_lines:
            first = container.key_lines[key]
            raise self._error(
                f"key {key!r}", "given twice", f"each key once; the first is on line {first}", line
            )
        container.entries[key] = node
        container.key_lines[key] = line

    def _key(self, node: Node) -> str:
        if not isinstance(node, ScalarNode):
            raise self._error("key", "a list or mapping", "a word", node.line)
        value = node.value
        if isinstance(value, bool):
            # "on:" or "yes:" as a key: YAML 1.1 calls it a truth value.
            return "true" if value else "false"
        return "null" if value is None else str(value)

    def _merge(self, container: MapNode, node: Node, line: int) -> None:
        sources = node.items if isinstance(node, ListNode) else [node]
        for source in sources:
            if not isinstance(source, MapNode):
                raise self._error("<<", "not a mapping", "an alias of a mapping", line)
            for key, value in source.entries.items():
                container.entries.setdefault(key, value)


@dataclass(slots=True)
class _Open:
    node: Any
    anchor: str | None
    key: str | None = None
    key_line: int = 0


def resolve_plain(text: str) -> Scalar:
    """Read an unquoted YAML word: a truth value, a number, nothing, or text.

    Dates and base-60 numbers (``12:30``) stay text, as they do in Kubernetes.
    """
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in "-+.0123456789":
        return text
    if _INT.match(text):
        return int(text)
    other = _INT_OTHER.match(text)
    if other:
        sign, hexadecimal, octal, binary = other.groups()
        base = 16 if hexadecimal else 8 if octal else 2
        value = int(hexadecimal or octal or binary, base)
        return -value if sign == "-" else value
    if _FLOAT.match(text):
        return float(text)
    return text
