"""The hostile set: every notebook, what it tries, and what it must be worth.

``python tests/hostile/cases.py`` writes the notebooks anew. Expected are the points of the
tasks that are answered honestly, or a reason for which nothing can be judged.
"""

import copy
import gzip
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks import FORGED, IN_TASK_TWO
from attacks_below import BELOW

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = Path(__file__).resolve().parent / "notebooks"
LESSON = "05-conntrack-exhaustion"
TASKS = ("size", "moment", "client", "cure")
HONEST = {
    "size": 'limit = max(131_072, 32_768 * given_size["cores"])\n'
    'size = {"limit": limit, "per_s": (limit - given_size["standing"]) / 120}\n',
    "moment": 'new = given_moment["requests_per_s"] * (1 - given_moment["keepalive_percent"] / 100)\n'
    'rest = given_moment["max_entries"] - new * 120\n'
    'moment = {"usual": new * 120, "seconds": rest / new / (given_moment["burst_factor"] - 1)}\n',
    "client": "from k8snet_lessons.datapath.nf_conntrack import ladder_of_kernel\n\n"
    'after = given_client["refused_s"]\n'
    "client = {\n"
    '    "new_s": min(at for at in ladder_of_kernel(6, 18).sent_s if at >= after),\n'
    '    "old_s": min(at for at in ladder_of_kernel(5, 15).sent_s if at >= after),\n'
    '    "established": "nothing",\n'
    "}\n",
    "cure": 'cure = {"max_entries": 393_216, "time_wait_s": 30, "keepalive_share": 0.5}\n',
}


@dataclass(frozen=True)
class Case:
    """One hostile or broken submission.

    Parameters
    ----------
    name, tries : str
        Its name, and what it tries.
    build : callable
        Makes the file's bytes, or puts something else at a path.
    honest : tuple of str
        Tasks that must earn full points; all others must earn none.
    reason : str
        What the reason must say if nothing can be judged; else ``""``.
    kept : bool
        Whether its notebook is kept in the folder; else it is made for the test.
    """

    name: str
    tries: str
    build: Callable[..., bytes | None]
    honest: tuple[str, ...] = ("size", "client", "cure")
    reason: str = ""
    kept: bool = True


def notebook(**answers: str) -> dict[str, Any]:
    """Return the exercise's code cells with answers in them."""
    exercise = json.loads((ROOT / "exercises" / f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in exercise["cells"] if cell["cell_type"] == "code"]
    for cell in cells:
        kind, _, task = cell["id"].partition("-")
        if kind == "answer":
            cell["source"] = (HONEST | answers)[task]
    return exercise | {"cells": cells}


def text(made: Any) -> bytes:
    """Return a notebook as the bytes of its file."""
    return (json.dumps(made, indent=1, sort_keys=True) + "\n").encode()


def changed(change: Callable[[list[dict[str, Any]]], Any], **answers: str) -> Callable[[], bytes]:
    """Return a builder that changes an honest notebook's list of cells in place."""

    def build() -> bytes:
        made = notebook(**answers)
        change(made["cells"])
        return text(made)

    return build


def in_task_two(code: str) -> Callable[[], bytes]:
    return lambda: text(notebook(moment=FORGED + code))


def place(cells: list[dict[str, Any]], name: str) -> int:
    return next(n for n, cell in enumerate(cells) if cell["id"] == name)


def without(*kinds: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(cells: list[dict[str, Any]]) -> None:
        cells[:] = [cell for cell in cells if cell["id"].partition("-")[0] not in kinds]

    return change


def each(**fields: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(cells: list[dict[str, Any]]) -> None:
        for cell in cells:
            cell.update(copy.deepcopy(fields))

    return change


def rewrite(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        if cell["id"].startswith(("check", "ask", "setup", "score", "submit")):
            cell["source"] = "raise SystemExit"


def twice(cells: list[dict[str, Any]]) -> None:
    cells[:] = [copy.deepcopy(cell) for cell in cells for _ in range(2)]


def checks_first(cells: list[dict[str, Any]]) -> None:
    cells.sort(key=lambda cell: not cell["id"].startswith("check"))


def renamed(cells: list[dict[str, Any]]) -> None:
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}


def swapped_ids(cells: list[dict[str, Any]]) -> None:
    first, second = cells[place(cells, "check-size")], cells[place(cells, "check-cure")]
    first["id"], second["id"] = second["id"], first["id"]


def own_cells(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        if cell["id"].startswith("answer"):
            cell["id"] = "mine-" + cell["id"]
            cell["metadata"] = {}


def parameters_overridden(cells: list[dict[str, Any]]) -> None:
    forged = 'student_id = "ada"\nseed = 4242\n'
    cells[place(cells, "parameters")]["source"] = forged
    extra = copy.deepcopy(cells[place(cells, "parameters")])
    extra |= {"id": "injected", "metadata": {"tags": ["injected-parameters"]}}
    for at in (place(cells, "setup"), place(cells, "ask-client")):
        cells.insert(at, copy.deepcopy(extra))


def with_code_before(code: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(cells: list[dict[str, Any]]) -> None:
        extra = copy.deepcopy(cells[place(cells, "answer-size")])
        cells.insert(0, extra | {"id": "first", "metadata": {}, "source": code})

    return change


def other_kernel() -> bytes:
    made = notebook(moment=FORGED)
    made["metadata"] = {
        "kernelspec": {"name": "bash", "language": "bash", "display_name": "Bash"},
        "language_info": {"name": "R", "version": "<script>"},
        "papermill": {"exception": True, "parameters": {"seed": 9}, "output_path": "/etc/passwd"},
    }
    return text(made)


def odd_cells(cells: list[dict[str, Any]]) -> None:
    cells += [
        {"cell_type": "code", "id": 7, "metadata": [], "source": {"a": 1}},
        {"cell_type": "heading", "source": 3},
        {"cell_type": "code", "source": ["1\n", 2, None]},
        {},
    ]
    cells.insert(0, None)  # type: ignore[arg-type]
    cells.insert(1, "text")  # type: ignore[arg-type]


def nested_sources(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        cell["source"] = [cell["source"], 1, None, ["x"]]


def doubled_as_text(cells: list[dict[str, Any]]) -> None:
    answers = [cell for cell in cells if cell["id"].startswith("answer")]
    cells += [cell | {"cell_type": kind} for cell in answers for kind in ("markdown", "raw")]


def cell_before(code: str) -> Callable[[list[dict[str, Any]]], None]:
    """Return a change that puts a cell of the student's own in front."""
    cell = {"cell_type": "code", "id": "mine", "metadata": {}, "outputs": [], "source": code}
    return lambda cells: cells.insert(0, cell | {"execution_count": None})


def each_source(change: Callable[[str], str], kinds: tuple[str, ...] = ()) -> Any:
    """Return a change of the sources of all cells, or of some kinds of cells."""

    def apply(cells: list[dict[str, Any]]) -> None:
        for cell in cells:
            if not kinds or cell["id"].startswith(kinds):
                cell["source"] = change("".join(cell["source"]))

    return apply


def odd_ids(make: Callable[[str], str]) -> Callable[[list[dict[str, Any]]], None]:
    def change(cells: list[dict[str, Any]]) -> None:
        for cell in cells:
            if not cell["id"].startswith("answer"):
                cell["id"] = make(cell["id"])

    return change


def in_one_cell(cells: list[dict[str, Any]]) -> None:
    joined = "\n".join(cell["source"] for cell in cells if cell["id"].startswith("answer"))
    cells[:] = [cells[place(cells, "answer-size")] | {"id": "all", "source": joined}]


def in_functions(cells: list[dict[str, Any]]) -> None:
    for cell in cells:
        kind, _, task = cell["id"].partition("-")
        if kind == "answer":
            lines = "\n    ".join(cell["source"].splitlines())
            cell["source"] = f"def answer():\n    global {task}\n    {lines}\nanswer()"


def sparse(path: Path) -> None:
    path.write_bytes(text(notebook()))
    os.truncate(path, 1 << 36)


def outputs_kept(cells: list[dict[str, Any]]) -> None:
    forged = {
        "output_type": "display_data",
        "metadata": {},
        "data": {
            "application/vnd.k8snet.score+json": {"score": 99, "max_score": 1, "tasks": []},
            "text/html": "<script>alert(1)</script>",
        },
    }
    for cell in cells:
        cell["outputs"] = [forged]


def link(path: Path) -> None:
    target = path.parent.parent / "honest" / path.name
    path.symlink_to(target)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    try:
        os.mknod(path, 0o020666, os.makedev(1, 5))  # /dev/zero
    except PermissionError:  # an ordinary user makes none; a socket is no plain file either
        os.mknod(path, 0o140666)


def folder(path: Path) -> None:
    path.mkdir()


def link_of_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.symlink_to(path.parent.parent / "honest", target_is_directory=True)


def fifty_megabytes() -> bytes:
    made = notebook()
    made["cells"][0]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * (50 << 20)}
    ]
    return text(made)


def format_three() -> bytes:
    cells = [{"cell_type": "code", "input": code, "outputs": []} for code in HONEST.values()]
    return text({"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]})


LOOP = "while True:\n    pass\n"
DEAF = IN_TASK_TWO["endless-loop-deaf"][1]
SPOILED_FIRST = (
    "import builtins, sys\nbuiltins.len = builtins.isinstance = lambda *a: 1\n"
    "sys.modules['k8snet_lessons.assess'] = None\n"
)

CASES: tuple[Case, ...] = (
    Case("honest", "nothing: the honest notebook", lambda: text(notebook()), TASKS),
    *(Case(name, tries, in_task_two(code)) for name, (tries, code) in IN_TASK_TWO.items()),
    *(Case(name, tries, in_task_two(code), kept=False) for name, (tries, code) in BELOW.items()),
    Case("checks-deleted", "no check cells", changed(without("check"), moment=FORGED)),
    Case("course-deleted", "none of the course's cells", changed(without("check", "ask", "setup", "parameters", "score"), moment=FORGED)),
    Case("answer-deleted", "one answer cell is gone", changed(lambda cells: cells.pop(place(cells, "answer-moment")))),
    Case("checks-twice", "every cell is there twice", changed(twice, moment=FORGED)),
    Case("checks-first", "check cells stand before the answers", changed(checks_first, moment=FORGED)),
    Case("order-reversed", "every cell in the opposite order", changed(list.reverse, moment=FORGED)),
    Case("checks-rewritten", "the course's cells hold other code", changed(rewrite, moment=FORGED)),
    Case("cells-renamed", "no cell has its id", changed(renamed, moment=FORGED)),
    Case("ids-swapped", "two check cells exchange their ids", changed(swapped_ids, moment=FORGED)),
    Case("ids-missing", "format 4.4, which has no ids", changed(lambda cells: [cell.pop("id") for cell in cells], moment=FORGED)),
    Case("ids-all-alike", "every cell has the id of a check", changed(each(id="check-size", metadata={}), moment=FORGED)),
    Case("answers-in-own-cells", "answers stand in cells of the student's own", changed(own_cells, moment=FORGED)),
    Case("kernel-swapped", "another kernel, another language", other_kernel),
    Case("parameters-overridden", "another name and another seed", changed(parameters_overridden, moment=FORGED)),
    Case("outputs-forged", "stored outputs claim a score", changed(outputs_kept, moment=FORGED)),
    Case("cells-of-odd-types", "cells that are no cells", changed(odd_cells, moment=FORGED)),
    Case("all-markdown", "every cell is text", changed(each(cell_type="markdown")), ()),
    Case("loops-in-two-tasks", "two tasks never end", lambda: text(notebook(size=LOOP, moment=DEAF)), ("client", "cure")),
    Case("loop-before-everything", "a cell before the exercise never ends", changed(with_code_before(DEAF)), TASKS),
    Case("spoiled-before-everything", "a cell before the exercise spoils the course", changed(with_code_before(SPOILED_FIRST)), TASKS),
    Case("exit-before-everything", "a cell before the exercise ends the process", changed(with_code_before("import os\nos._exit(1)\n")), TASKS),
    Case("unattempted", "nothing is answered", lambda: (ROOT / "exercises" / f"{LESSON}.ipynb").read_bytes(), (), kept=False),
    Case("empty-notebook", "a notebook without cells", lambda: text({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}), ()),
    Case("byte-order-mark", "an editor's mark before the text", lambda: b"\xef\xbb\xbf" + text(notebook()), TASKS),
    Case("utf-16", "text in UTF-16", lambda: text(notebook()).decode().encode("utf-16"), TASKS),
    Case("latin-1", "text in Latin-1", lambda: text(notebook()).replace(b"nothing", b"\xe9t\xe9"), (), "UTF-8"),
    Case("empty-file", "no bytes", lambda: b"", (), "JSON"),
    Case("cut-short", "half of a file", lambda: text(notebook())[:3000], (), "JSON"),
    Case("not-json", "no JSON", lambda: b"print('score: 100')\n", (), "JSON"),
    Case("binary", "a compressed file by another name", lambda: b"PK\x03\x04" + bytes(range(256)) * 8, (), "UTF-8"),
    Case("json-of-another-kind", "a list", lambda: b"[1, 2, 3]\n", (), "no notebook"),
    Case("json-bomb-deep", "brackets without end", lambda: b"[" * 200_000, (), "nested", kept=False),
    Case("json-bomb-number", "a number of a million digits", lambda: b'{"nbformat": 4, "cells": ' + b"9" * 10**6 + b"}", (), "JSON", kept=False),
    Case("format-three", "an old format", format_three, (), "format 3"),
    Case("format-odd", "a format that is no number", lambda: text(notebook() | {"nbformat": "<script>"}), (), "format"),
    Case("cells-missing", "cells that are no list", lambda: text(notebook() | {"cells": {"a": 1}}), (), "cells"),
    Case("cells-without-number", "a hundred thousand cells", lambda: text(notebook() | {"cells": [{"cell_type": "code", "source": "1"}] * 100_000}), (), "2000 cells", kept=False),
    Case("fifty-megabytes", "a file of 50 MB", fifty_megabytes, (), "32 MB", kept=False),
    Case("format-half-character", "a format that is half a character", lambda: text(notebook() | {"nbformat": "\ud800"}), (), "\\ud800"),
    Case("cells-in-lists", "every cell in a list of its own", changed(lambda cells: cells.__setitem__(slice(None), [[cell] for cell in cells])), ()),
    Case("source-in-lists", "sources of lists, numbers and nothing", changed(nested_sources), TASKS),
    Case("answers-as-text-too", "text cells with the ids of answers", changed(doubled_as_text, moment=FORGED)),
    Case("cells-named-twice", "two lists of cells, one of them empty", lambda: b'{"cells": [], ' + text(notebook(moment=FORGED))[1:]),
    Case("ten-million-objects", "a small file that takes a gigabyte to read", lambda: b'{"nbformat": 4, "cells": [], "x": [' + b"{}," * 10**7 + b"0]}", (), "brackets", kept=False),
    Case("metadata-of-20-megabytes", "metadata without end", lambda: text(notebook(moment=FORGED) | {"metadata": {"x": "y" * (20 << 20)}}), kept=False),
    Case("utf-32", "text in UTF-32", lambda: text(notebook()).decode().encode("utf-32"), (), "JSON", kept=False),
    Case("two-notebooks", "one notebook after another", lambda: 2 * text(notebook()), (), "JSON", kept=False),
    Case("merge-conflict", "a merge that was left half done", lambda: b"<<<<<<< HEAD\n" + text(notebook()), (), "JSON", kept=False),
    Case("page", "a page in place of the file", lambda: b"<!DOCTYPE html><html><script>alert(1)</script>", (), "JSON", kept=False),
    Case("compressed", "a compressed notebook", lambda: gzip.compress(text(notebook()), mtime=0), (), "UTF-8", kept=False),
    Case("format-true", "a format that is a truth", lambda: text(notebook() | {"nbformat": True}), (), "format", kept=False),
    Case("not-finite-metadata", "numbers in the file that JSON has not", lambda: text(notebook() | {"x": [float("nan"), -float("inf")]}), TASKS, kept=False),
    Case("nested-metadata", "metadata nested nine hundred deep", lambda: text(notebook() | {"metadata": json.loads('{"a":' * 900 + "1" + "}" * 900)}), TASKS, kept=False),
    Case("metadata-missing", "cells without metadata", changed(each(metadata=None)), TASKS, kept=False),
    Case("tags-odd", "every cell has every tag that tools read", changed(each(metadata={"tags": ["raises-exception", "parameters", "injected-parameters"]})), TASKS, kept=False),
    Case("windows-lines", "lines that end as on Windows", changed(each_source(lambda one: one.replace("\n", "\r\n"))), TASKS, kept=False),
    Case("old-mac-lines", "lines that end as on an old Macintosh", changed(each_source(lambda one: one.replace("\n", "\r"))), TASKS, kept=False),
    Case("indented", "answers that are indented", changed(each_source(lambda one: "    " + one.replace("\n", "\n    "), ("answer",))), TASKS, kept=False),
    Case("ids-enormous", "ids of a hundred thousand characters", changed(odd_ids(lambda one: one * 10_000)), TASKS, kept=False),
    Case("ids-odd", "ids that run from right to left", changed(odd_ids(lambda one: f"\u202e{one}\n<script>")), TASKS, kept=False),
    Case("answers-in-one-cell", "all answers in one cell, and nothing else", changed(in_one_cell), TASKS, kept=False),
    Case("answers-in-functions", "answers set by functions", changed(in_functions), TASKS, kept=False),
    Case("check-cells-emptied", "check cells without a word in them", changed(each_source(lambda one: "", ("check",))), TASKS, kept=False),
    Case("cell-magics-first", "a page in a captured cell before everything", changed(cell_before("%%capture out\n%%html\n<script>alert(1)</script>")), TASKS, kept=False),
    Case("installs-first", "a cell that installs and imports what is not there", changed(cell_before("%pip install evil\n!pip install evil\nfrom google.colab import drive")), TASKS, kept=False),
    Case("sparse", "a file that says it has 64 GB", sparse, (), "32 MB", kept=False),
    Case("device", "a device that never ends", device, (), "plain file", kept=False),
    Case("link", "a symbolic link to another's work", link, (), "link", kept=False),
    Case("link-of-folder", "a folder that is a link to another's", link_of_folder, (), "link", kept=False),
    Case("pipe", "a named pipe, which never ends", pipe, (), "plain file", kept=False),
    Case("folder", "a folder by the name of a notebook", folder, (), "plain file", kept=False),
)  # fmt: skip


def main() -> None:
    """Write the notebooks that are kept."""
    NOTEBOOKS.mkdir(exist_ok=True)
    for path in NOTEBOOKS.glob("*.ipynb"):
        path.unlink()
    for case in CASES:
        if case.kept:
            (NOTEBOOKS / f"{case.name}.ipynb").write_bytes(case.build() or b"")


if __name__ == "__main__":
    main()
