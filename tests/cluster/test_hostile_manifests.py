"""Mutated and made-up manifests: nothing escapes but the documented errors."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.cluster._yaml import resolve_plain
from k8snet_lessons.control import program
from k8snet_lessons.errors import InputError

FIRST_LESSON = (Path(__file__).parent / "first_lesson.yaml").read_text()
EVERY_KIND = (Path(__file__).parent / "every_kind.yaml").read_text()
PIECES = ["", "null", "[]", "{}", "-1", "70000", "1.5", "true", "'80'", "x: y", "- a", "~", "*a",
          "&a b", "!!str 1", "0x10", "'", '"', "{", "[", "|", ">", "\t", "é", "\x00", "a" * 70,
          "::1", "10.0.0.0/33", "In", "None", "Local", "2026-01-01", "%", "@", "#"]  # fmt: skip
KINDS = [
    ("v1", "Service"),
    ("v1", "Pod"),
    ("v1", "Node"),
    ("v1", "Namespace"),
    ("v1", "Endpoints"),
    ("v1", "List"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("discovery.k8s.io/v1", "EndpointSlice"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("networking.k8s.io/v1", "ServiceCIDR"),
    ("gateway.networking.k8s.io/v1", "Gateway"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
]


def survives(text: str) -> Cluster | None:
    """Load and program, or be refused in the documented way."""
    try:
        cluster = load_manifests(text)
    except InputError:
        return None
    for mode in ("iptables", "nftables", "ipvs", "ebpf"):
        try:
            program(cluster, mode=mode).to_text()
        except InputError:
            return cluster
    return cluster


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_mutated_manifests(seed: int, changes: int) -> None:
    source = random.Random(seed)
    lines = source.choice([FIRST_LESSON, EVERY_KIND]).splitlines()
    for _ in range(changes):
        at = source.randrange(len(lines))
        line = lines[at]
        action = source.randrange(6)
        if action == 0:
            del lines[at]
        elif action == 1:
            lines.insert(at, line)
        elif action == 2:
            lines[at] = line.partition(":")[0] + ": " + source.choice(PIECES)
        elif action == 3:
            lines[at] = line[: source.randrange(len(line) + 1)]
        elif action == 4:
            lines[at] = " " * source.randrange(8) + line.lstrip()
        else:
            place = source.randrange(len(line) + 1)
            lines[at] = line[:place] + source.choice(PIECES) + line[place:]
    survives("\n".join(lines))


NAMES = ["spec", "ports", "port", "name", "metadata", "selector", "template", "rules", "endpoints",
         "clusterIP", "ingress", "from", "to", "status", "containers", "addresses", "type", "ip",
         "labels", "host", "http", "paths", "backend", "listeners", "matches", "items", "subsets",
         "nodePort", "replicas", "ipFamilies", "podCIDR", "cidrs", "conditions"]  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "a", "80", "10.0.0.1", "::1", "10.0.0.0/8", "Local", "None", "TCP"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KINDS), VALUES, VALUES, VALUES), min_size=1, max_size=3))
def test_objects_of_any_shape(made: list[tuple[tuple[str, str], Any, Any, Any]]) -> None:
    objects = []
    for index, ((version, kind), spec, status, more) in enumerate(made):
        obj: dict[str, Any] = {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": f"a{index}"},
            "spec": spec,
            "status": status,
        }
        if isinstance(more, dict):
            obj |= {key: value for key, value in more.items() if key != "metadata"}
        objects.append(obj)
    try:
        cluster = Cluster.from_objects(*objects)
    except InputError:
        return
    program(cluster)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    survives(text)


@pytest.mark.parametrize("text", [FIRST_LESSON, EVERY_KIND], ids=["first lesson", "every kind"])
def test_good_ones_survive_whole(text: str) -> None:
    cluster = survives(text)
    assert cluster is not None
    again = load_manifests(text)
    assert again == cluster


def test_truncation_anywhere() -> None:
    for end in range(0, len(EVERY_KIND), 37):
        survives(EVERY_KIND[:end])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("80", 80),
        ("-1", -1),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 15),
        ("0b11", 3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("", None),
        # What YAML 1.1 makes of these is a classic trap; Kubernetes reads them as text.
        ("12:30:45", "12:30:45"),
        ("2026-01-31", "2026-01-31"),
        ("1_000", "1_000"),
        ("10.0.0.1", "10.0.0.1"),
        ("NO WAY", "NO WAY"),
        (".", "."),
        ("-", "-"),
        ("1.2.3", "1.2.3"),
    ],
)
def test_plain_words(text: str, value: object) -> None:
    found = resolve_plain(text)
    assert found == value
    assert type(found) is type(value)
