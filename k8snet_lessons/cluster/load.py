"""Manifests in, a cluster out."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

from k8snet_lessons.cluster._decode import Decoder, plain
from k8snet_lessons.cluster._kinds import CLUSTER_SCOPED, model_of, served_version
from k8snet_lessons.cluster._services import report_conflicts
from k8snet_lessons.cluster._validate import validate
from k8snet_lessons.cluster._yaml import (
    MAX_CHARACTERS,
    ListNode,
    MapNode,
    Node,
    ScalarNode,
    read_documents,
)
from k8snet_lessons.cluster.collector import collector_paused
from k8snet_lessons.cluster.complete import Options, complete
from k8snet_lessons.cluster.model import Cluster, OpaqueObject
from k8snet_lessons.cluster.problems import ManifestError, Path, Problem
from k8snet_lessons.errors import InputError

_NEEDS_SPEC = frozenset(
    {"Service", "Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "Ingress"}
)


def load_manifests(
    manifests: "str | os.PathLike[str]",
    *,
    pod_cidrs: Iterable[str] = (),
    service_cidrs: Iterable[str] = (),
) -> Cluster:
    """Read manifests and complete them as a control plane would.

    Text is read as multi-document YAML (JSON is YAML too) with PyYAML's parser: no tags, at
    most 256 aliases, 64 levels, 64 MiB. ``kind: List`` is taken apart. Kinds the course
    does not model are kept as they are and mentioned in ``Cluster.notes``.

    What the manifests leave out is filled in deterministically: pods of workloads and their
    nodes, addresses of pods, Services and nodes, node ports, and EndpointSlices of Services
    with a selector. `k8snet_lessons.cluster.complete` says how.

    Parameters
    ----------
    manifests : str or path
        A ``str`` is always the manifests themselves. To read a file, pass a `pathlib.Path`.
    pod_cidrs, service_cidrs : iterable of str, optional
        At most one block for each address family. By default ``10.244.0.0/16`` and
        ``10.96.0.0/12`` (kubeadm's usual ones), with IPv6 blocks where a Service asks for it;
        given addresses widen the pod block.

    Returns
    -------
    Cluster

    Raises
    ------
    ManifestError
        If anything is wrong with the objects; it lists every problem with document and line.
    InputError
        If the text is no YAML, passes a limit, or the file cannot be read.

    Examples
    --------
    >>> cluster = load_manifests(
    ...     "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}"
    ... )
    >>> list(cluster.services)
    ['default/web']
    """
    if isinstance(manifests, str):
        text, source = manifests, ""
    elif isinstance(manifests, os.PathLike):
        text, source = _read(FilePath(manifests))
    else:
        raise InputError(
            "manifests", type(manifests).__name__, "a str of YAML, or a pathlib.Path of a file"
        )
    options = Options.checked(pod_cidrs, service_cidrs)
    gathered = _Gathered()
    with collector_paused():
        for number, node in read_documents(text, source):
            for item in _unfold(node):
                gathered.read(item, number, source)
        return gathered.finish(options)


def cluster_from_objects(
    objects: Iterable[Any],
    *,
    pod_cidrs: Iterable[str] = (),
    service_cidrs: Iterable[str] = (),
) -> Cluster:
    """Build a cluster from model objects or dictionaries; see `Cluster.from_objects`."""
    gathered = _Gathered()
    for obj in objects:
        if isinstance(obj, Mapping):
            gathered.read(_tree(obj), 0, "")
        elif getattr(obj, "kind", None) and getattr(obj, "apiVersion", None):
            gathered.add(obj.kind, obj, Decoder(_subject(obj.kind, obj.metadata), 0))
        else:
            raise InputError("object", obj, "a mapping or a model with apiVersion and kind")
    return gathered.finish(Options.checked(pod_cidrs, service_cidrs))


def _read(path: FilePath) -> tuple[str, str]:
    try:
        size = path.stat().st_size
        if size > 4 * MAX_CHARACTERS:
            raise InputError("manifests", f"{size} bytes", f"at most {4 * MAX_CHARACTERS} bytes")
        return path.read_text(encoding="utf-8"), path.name
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("manifests", str(path), f"a readable UTF-8 file ({error})") from None


def _unfold(node: Node) -> Iterator[Node]:
    """Take ``kind: List`` (and ``ServiceList`` and so on) apart."""
    if isinstance(node, MapNode):
        kind, items = node.entries.get("kind"), node.entries.get("items")
        is_list = isinstance(kind, ScalarNode) and str(kind.value).endswith("List")
        if is_list and isinstance(items, ListNode):
            for item in items.items:
                yield from _unfold(item)
            return
    yield node


def _tree(value: Any) -> Node:
    """Make a tree from plain data, without lines."""
    if isinstance(value, Mapping):
        return MapNode(0, {str(key): _tree(child) for key, child in value.items()})
    if isinstance(value, list | tuple):
        return ListNode(0, [_tree(child) for child in value])
    if value is None or isinstance(value, str | int | float | bool):
        return ScalarNode(value, 0)
    raise InputError("object", value, "plain data: mappings, lists, text, numbers, true or false")


@dataclass(slots=True)
class _Gathered:
    """Objects read so far, and everything wrong with them."""

    objects: dict[tuple[str, str], Any] = field(default_factory=dict)
    first_seen: dict[tuple[str, str], Decoder] = field(default_factory=dict)
    opaque: list[OpaqueObject] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def read(self, node: Node, number: int, source: str) -> None:
        decoder = Decoder("manifest", number, source)
        decoder.lines[()] = node.line
        if not isinstance(node, MapNode):
            what = plain(node)
            decoder.report((), what, "an object with apiVersion, kind and metadata" + _path(what))
            self.problems += decoder.problems
            return
        api_version, kind = _text(node, "apiVersion"), _text(node, "kind")
        for name, value in (("apiVersion", api_version), ("kind", kind)):
            if not value:
                decoder.report((name,), value or None, "text such as 'v1' or 'Service'")
        if not api_version or not kind:
            self.problems += decoder.problems
            return
        decoder.subject = _subject_of_node(kind, node)
        served = served_version(api_version, kind)
        model = model_of(served, kind)
        if served != api_version:
            self.notes.append(
                f"{decoder.subject}: {api_version} is no longer served; read as {served}"
            )
        if model is None:
            self._keep_opaque(api_version, kind, node, decoder.subject)
            return
        obj = decoder.decode(node, model)
        self.notes += decoder.notes
        if obj is None:
            self.problems += decoder.problems
            return
        self.add(kind, obj, decoder)

    def add(self, kind: str, obj: Any, decoder: Decoder) -> None:
        if getattr(obj, "spec", obj) is None and kind in _NEEDS_SPEC:
            decoder.report(("spec",), None, "a value: the field is required")
        else:
            validate(kind, obj, decoder.report)
        meta = obj.metadata
        if not decoder.problems:
            name = meta.name or f"{meta.generateName}x"
            scope = name if kind in CLUSTER_SCOPED else f"{meta.namespace or 'default'}/{name}"
            key = (kind, scope)
            if key in self.objects:
                first = self.first_seen[key]
                place = f" (first in document {first.document})" if first.document else ""
                decoder.report(("metadata", "name"), name, f"a name given once{place}")
            else:
                self.objects[key] = obj
                self.first_seen[key] = decoder
        self.problems += decoder.problems

    def _keep_opaque(self, api_version: str, kind: str, node: MapNode, subject: str) -> None:
        content = plain(node)
        meta = content.get("metadata")
        meta = meta if isinstance(meta, dict) else {}
        name, namespace = meta.get("name"), meta.get("namespace")
        self.opaque.append(
            OpaqueObject(
                api_version, kind, str(namespace) if namespace else None, str(name), content
            )
        )
        self.notes.append(f"{subject}: {api_version} {kind} is kept but not modeled")

    def finish(self, options: Options) -> Cluster:
        def report(kind: str, scope: str, path: Path, value: Any, allowed: str) -> None:
            decoder = self.first_seen[kind, scope]
            decoder.report(path, value, allowed)
            self.problems.append(decoder.problems[-1])

        by_kind: dict[str, dict[str, Any]] = {}
        for (kind, scope), obj in self.objects.items():
            by_kind.setdefault(kind, {})[scope] = obj
        report_conflicts(by_kind.get("Service", {}), report)
        if self.problems:
            raise ManifestError(tuple(self.problems))
        return complete(by_kind, tuple(self.opaque), self.notes, options)


def _text(node: MapNode, name: str) -> str:
    child = node.entries.get(name)
    value = child.value if isinstance(child, ScalarNode) else None
    return value if isinstance(value, str) else ""


def _subject_of_node(kind: str, node: MapNode) -> str:
    meta = node.entries.get("metadata")
    if not isinstance(meta, MapNode):
        return kind
    name, namespace = _text(meta, "name"), _text(meta, "namespace")
    full = f"{namespace}/{name}" if namespace else name
    return f"{kind} {full}" if full else kind


def _subject(kind: str, meta: Any) -> str:
    name = getattr(meta, "name", None) or ""
    namespace = getattr(meta, "namespace", None)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _path(value: Any) -> str:
    if isinstance(value, str) and "\n" not in value:
        return "; text is read as YAML, so pass pathlib.Path(...) to read a file"
    return ""
