"""The rooms of the house and the direction in which they may import one another."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "k8snet_lessons"

# A room may import the rooms listed for it, itself, and `errors` and `data`.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "data": set(),
    "cluster": set(),
    "control": {"cluster"},
    "datapath": {"cluster", "control"},
    "dns": {"cluster", "control"},
    "sim": {"cluster", "control", "datapath", "dns"},
    "traffic": {"cluster", "control", "datapath", "dns", "sim"},
    "isolation": {"cluster", "control", "datapath", "dns", "sim", "traffic"},
    "scenario": {"cluster", "control", "datapath", "dns", "sim", "traffic"},
}
MODELS = set(ALLOWED)
ALLOWED |= {
    "incidents": MODELS,
    "figures": MODELS,
    "explorers": MODELS | {"figures", "course", "incidents", "interview"},
    "course": MODELS | {"figures", "explorers", "incidents"},
    "assess": MODELS | {"course", "figures", "incidents", "interview"},
    "interview": MODELS | {"course", "figures", "incidents"},
    "lab": MODELS,
    "cli": MODELS | {"figures", "explorers", "course", "assess", "interview", "incidents", "lab"},
    "__main__": {"cli"},
    "__init__": {"scenario"},
}
# Where the packages that draw and that react may be imported, even lazily.
ONLY_IN = {
    "plotly": {"figures", "explorers"},
    "ipywidgets": {"explorers", "interview"},
    "anywidget": {"explorers", "interview"},
}
BANNED_NAMES = {"utils", "util", "helpers", "helper", "manager", "common", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Every module that a file names in an import, at the top or inside a function."""
    names: set[str] = set()
    package = ["k8snet_lessons", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_from_the_rooms_above_it(path):
    here = room(path)
    assert here in ALLOWED, f"{here} is a room that the house does not know"
    rooms = {
        name.split(".")[1]
        for name in imported(path)
        if name.startswith("k8snet_lessons.") and name.split(".")[1] in ALLOWED
    }
    forbidden = rooms - ALLOWED[here] - {here, "errors", "data", "__init__"}
    assert not forbidden, f"{here} imports {sorted(forbidden)}"


@pytest.mark.parametrize("package", ONLY_IN)
def test_drawing_and_reacting_stay_in_their_rooms(package):
    offenders = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if room(path) not in ONLY_IN[package]
        and any(name.split(".")[0] == package for name in imported(path))
    ]
    assert offenders == []


def test_every_module_is_named_for_what_it_does():
    offenders = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if BANNED_NAMES & {path.stem, *path.relative_to(PACKAGE).parts[:-1]}
    ]
    assert offenders == []


def test_every_public_module_says_what_it_is_for():
    undocumented = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if ast.get_docstring(ast.parse(path.read_text())) is None and path.read_text().strip()
    ]
    assert undocumented == []
