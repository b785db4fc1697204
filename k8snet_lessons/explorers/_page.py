"""A page of the course that asks or shows: a widget with a reading form that stands before it."""

from typing import Any

import anywidget

from k8snet_lessons.explorers._code import code

Json = dict[str, Any]


def page_code(*names: str) -> str:
    """JavaScript of a page: the shared parts and its own, as one ES module."""
    return code("knobs", "page", *names)


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
