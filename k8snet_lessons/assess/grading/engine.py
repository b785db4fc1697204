"""A papermill engine whose kernel is a sandboxed process that knows no answers.

papermill puts the parameters in and walks the notebook; this engine sends each cell to a
`Session` in place of a Jupyter kernel.
"""

import contextlib
import logging
from collections.abc import Sequence
from typing import Any, Final

from nbformat import from_dict
from papermill.engines import Engine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import execute_notebook

from k8snet_lessons.assess.grading.plan import Step
from k8snet_lessons.assess.grading.session import Session

NAME: Final = "k8snet-sandbox"
_STEP: Final = "k8snet"
_from_dict: Any = from_dict


class SandboxEngine(Engine):  # type: ignore[misc]
    """Runs the cells of a laid-out notebook in a `Session`."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, session: Session, **_: Any
    ) -> None:
        """Run every cell; an error is noted in its cell, and the next cell runs."""
        for index, cell in enumerate(nb_man.nb.cells):
            mark = cell.metadata.get(_STEP)
            step = Step(mark["kind"], mark["task"], cell.source) if mark else None
            with contextlib.suppress(IndexError):  # a description announced and not given
                nb_man.cell_start(cell, index)
            error = session.execute(step or Step("parameters", "", cell.source))
            if error is not None:
                cell.outputs = [
                    _from_dict(
                        {
                            "output_type": "error",
                            "ename": error[0],
                            "evalue": error[1],
                            "traceback": [],
                        }
                    )
                ]
            nb_man.cell_complete(cell, cell_index=index)


papermill_engines.register(NAME, SandboxEngine)
logging.getLogger("papermill").setLevel(logging.ERROR)


def run(steps: Sequence[Step], session: Session, parameters: dict[str, Any]) -> None:
    """Execute steps as one notebook by papermill; what comes of it is in the session."""
    try:
        execute_notebook(
            notebook_of(steps),
            None,
            parameters=parameters,
            engine_name=NAME,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            session=session,
        )
    except PapermillExecutionError:
        return  # a cell of the student's raised; the session has noted it


def notebook_of(steps: Sequence[Step]) -> Any:
    """Return a fresh notebook of the steps; nothing of the submitted file's metadata is in it."""
    cells: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        metadata: dict[str, Any] = {_STEP: {"kind": step.kind, "task": step.task}}
        if step.kind == "parameters":
            metadata["tags"] = ["parameters"]
        cells.append(
            {
                "cell_type": "code",
                "id": f"step-{number}",
                "metadata": metadata,
                "source": step.source,
                "outputs": [],
                "execution_count": None,
            }
        )
    metadata = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    return _from_dict({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
