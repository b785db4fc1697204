"""Build and execute the course's notebooks: ``make notebooks``.

lessons/<slug>.md  ->  notebooks/<slug>.ipynb   built, executed, outputs stored
solutions/*.ipynb                               executed in place, outputs stored

    python tools/build_notebooks.py [SLUG ...]   only these
    python tools/build_notebooks.py --solutions  only solutions/, of all lessons or those named
    python tools/build_notebooks.py --check      execute nothing; say what has drifted
"""

import argparse
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from k8snet_lessons.assess.notebooks import read_notebook, source_of, write_text  # noqa: E402
from k8snet_lessons.course.anatomy import expand, live  # noqa: E402
from k8snet_lessons.course.curriculum import LESSONS, Lesson, find  # noqa: E402
from k8snet_lessons.course.pictures import picture  # noqa: E402

FENCE = re.compile(r"^(`{3,}|~{3,})(.*)$")
HEADING = re.compile(r"^#{1,2} (.+)$")
DIRECTIVE = re.compile(r"^\{\{(\w+)\}\}$")
CODE = re.compile(r"^python(?:\s+id=(?P<id>[a-z0-9-]+))?(?:\s+tags=(?P<tags>[\w,-]+))?\s*$")
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")


def build(here: Lesson, text: str) -> dict[str, Any]:
    """Make a notebook, not yet executed, from a lesson's Markdown."""
    cells: list[dict[str, Any]] = []
    prose: list[str] = []
    part, counts = "top", Counter[str]()

    def cell(kind: str, source: str, name: str = "", tags: str = "") -> None:
        counts[f"{part}-{kind}"] += 1
        suffix = "" if counts[f"{part}-{kind}"] == 1 else f"-{counts[f'{part}-{kind}']}"
        made: dict[str, Any] = {
            "cell_type": kind,
            "id": name or f"{part}{'-code' if kind == 'code' else ''}{suffix}"[:64],
            "metadata": {"tags": tags.split(",")} if tags else {},
            "source": source.splitlines(keepends=True),
        }
        if kind == "code":
            made |= {"execution_count": None, "outputs": []}
        cells.append(made)

    def close_prose() -> None:
        source = "\n".join(prose).strip("\n")
        if source.strip():
            cell("markdown", source)
        prose.clear()

    lines = iter(text.splitlines())
    for line in lines:
        if fence := FENCE.match(line):
            body = list(_until(lines, fence[1], here))
            if code := CODE.match(fence[2].strip()):
                close_prose()
                cell("code", "\n".join(body), code["id"] or "", code["tags"] or "")
            else:
                prose.extend([line, *body, fence[1]])
            continue
        if heading := HEADING.match(line):
            close_prose()
            part = re.sub(r"[^a-z0-9]+", "-", heading[1].lower()).strip("-")
        if directive := DIRECTIVE.match(line):
            prose.append(expand(directive[1], here))
            if code_of := live(directive[1], here):
                close_prose()
                cell("code", code_of)
        else:
            prose.append(line)
    close_prose()
    ids = [one["id"] for one in cells]
    if repeated := [name for name, count in Counter(ids).items() if count > 1]:
        raise SystemExit(f"lessons/{here.slug}.md: cell ids used twice: {repeated}")
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def _until(lines: Any, mark: str, here: Lesson) -> Any:
    for line in lines:
        if line.rstrip() == mark:
            return
        yield line
    raise SystemExit(f"lessons/{here.slug}.md: a fence {mark} is never closed")


def execute(notebook: dict[str, Any], folder: Path, name: str) -> dict[str, Any]:
    """Run a notebook in a fresh kernel and return it with stable outputs."""
    import nbformat
    from nbclient import NotebookClient

    node = nbformat.reads(write_text(notebook), as_version=4)
    client = NotebookClient(
        node,
        coalesce_streams=True,  # where a busy machine breaks an output in two says nothing
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        record_timing=False,
    )
    client.execute()
    done: dict[str, Any] = json.loads(nbformat.writes(node))
    done |= {"metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    for number, cell in enumerate(done["cells"], start=1):
        if cell["cell_type"] != "code":
            continue
        cell["outputs"] = [_settled(output) for output in cell["outputs"]]
        if ADDRESS.search(str(cell["outputs"])):
            raise SystemExit(f"{name}, cell {number}: an output holds a memory address")
    return done


def _settled(output: Any) -> Any:
    """Drop what cannot be stored: a live widget's view, whose model ends with its kernel."""
    if WIDGET_VIEW in output.get("data", {}):
        del output["data"][WIDGET_VIEW]
    return output


def sources(notebook: dict[str, Any]) -> list[tuple[str, str, str, list[str]]]:
    """Return what of a notebook comes from its source: ids, kinds, texts, tags."""
    return [
        (c.get("id", ""), c["cell_type"], source_of(c), c.get("metadata", {}).get("tags", []))
        for c in notebook["cells"]
    ]


def drifted() -> list[str]:
    """Name every lesson whose notebook is not what its source says."""
    found = []
    for here in LESSONS:
        source, target = ROOT / "lessons" / f"{here.slug}.md", ROOT / here.path
        if here.ready != source.is_file() or here.ready != target.is_file():
            found.append(f"{here.slug}: 'ready' in the curriculum does not match the files")
        elif here.ready:
            built = build(here, source.read_text(encoding="utf-8"))
            if sources(built) != sources(read_notebook(target)):
                found.append(f"{here.slug}: notebook and lessons/{here.slug}.md differ")
    return found


def main() -> None:
    """Build what is asked for, or check it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("slugs", nargs="*", help="lessons to build [default: all]")
    parser.add_argument("--check", action="store_true", help="execute nothing; report drift")
    parser.add_argument("--solutions", action="store_true", help="leave the lessons as they are")
    options = parser.parse_args()
    if options.check:
        found = drifted()
        print(*found or ["all notebooks agree with their sources"], sep="\n")
        raise SystemExit(1 if found else 0)
    chosen = [find(slug) for slug in options.slugs] or [one for one in LESSONS if one.ready]
    for here in chosen:
        start = time.monotonic()
        source = ROOT / "lessons" / f"{here.slug}.md"
        if source.is_file() and not options.solutions:
            text = source.read_text(encoding="utf-8")
            if "{{figure}}" in text:
                _draw(here)
            notebook = build(here, text)
            _store(ROOT / here.path, execute(notebook, ROOT / "notebooks", here.slug), start)
        solution = ROOT / "solutions" / here.file
        if solution.is_file():
            start = time.monotonic()
            done = execute(read_notebook(solution), solution.parent, f"solutions/{here.slug}")
            _store(solution, done, start)


def _draw(here: Lesson) -> None:
    file = ROOT / "notebooks" / "img" / f"{here.slug}.svg"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(picture(here.slug)[0], encoding="utf-8")


def _store(path: Path, notebook: dict[str, Any], start: float) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(write_text(notebook), encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    main()
