"""A page of the course that asks or shows: a widget with a reading form that stands before it."""

from importlib.resources import files
from typing import Any

import anywidget

Json = dict[str, Any]
_STATIC = files("k8snet_lessons.explorers") / "static"


def page_code(*names: str) -> str:
    """JavaScript of a page: the shared parts and its own, as one ES module."""
    return "".join(_text(f"{name}.js") for name in ("knobs", "page", *names))


def page_style(*names: str) -> str:
    """Style sheet of a page: the explorers' and its own."""
    return "".join(_text(f"{name}.css") for name in ("explorer", *names))


def _text(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8") + "\n"


class Page(anywidget.AnyWidget):
    """A widget and what stands in its place where no kernel runs."""

    @property
    def reading(self) -> str:
        """The page as Markdown, for a reader without a kernel."""
        raise TypeError(f"{type(self).__name__} has no reading form")

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[Json, Json]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        data["text/plain"] = repr(self)
        return data, metadata

    def _ipython_display_(self) -> None:
        """Show the reading form first, in an output of its own; the live page hides it."""
        from IPython.display import publish_display_data

        reading = {"text/markdown": self.reading, "text/plain": f"<reading form of {self!r}>"}
        publish_display_data(reading)  # type: ignore[no-untyped-call]
        data, metadata = self._repr_mimebundle_()
        publish_display_data(data, metadata)  # type: ignore[no-untyped-call]
