"""The JavaScript and the style of a widget: its parts, joined."""

from importlib.resources import files

_STATIC = files("k8snet_lessons.explorers") / "static"


def code(*names: str) -> str:
    """JavaScript of a widget as one ES module; what all are built of comes first."""
    return "".join(_text(f"{name}.js") for name in ("element", *names))


def style(*names: str) -> str:
    """Style sheet of a widget: the explorers' and its own."""
    return "".join(_text(f"{name}.css") for name in ("explorer", *names))


def _text(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8") + "\n"
