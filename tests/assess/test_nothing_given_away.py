"""No file that a student gets holds an answer: no value, no code, no message of a check."""

import re
from pathlib import Path

import pytest

from k8snet_lessons.assess import assignment
from k8snet_lessons.assess.notebooks import (
    STUB,
    read_notebook,
    source_of,
    student_version,
    write_text,
)
from k8snet_lessons.assess.release import with_parameters
from k8snet_lessons.course.curriculum import LESSONS

ROOT = Path(__file__).resolve().parents[2]
SLUGS = [lesson.slug for lesson in LESSONS if lesson.exercise]
SEEDS = (0, 2026)


def solved(slug, seed):
    """Return the instructor's answers to one variant, and the code that finds them."""
    work, names, code = assignment(slug), {"student_id": "ada", "seed": seed}, []
    cells = {
        c["id"]: source_of(c) for c in read_notebook(ROOT / "solutions" / f"{slug}.ipynb")["cells"]
    }
    exec(cells["setup"], names)
    for task in work.tasks:
        names[f"given_{task.name}"] = task.given(slug, seed)
        code.append(cells[f"answer-{task.name}"])
        exec(code[-1], names)
    return {task.name: names[task.name] for task in work.tasks}, "\n".join(code)


def leaves(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from leaves(item)
    elif value is not None and not isinstance(value, bool):
        yield value


def handed_out(slug, seed):
    solution = read_notebook(ROOT / "solutions" / f"{slug}.ipynb")
    return with_parameters(student_version(solution), {"student_id": "ada", "seed": seed}, slug)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("slug", SLUGS)
def test_no_value_of_an_answer_is_in_the_students_file(slug, seed):
    code = "\n".join(
        source_of(cell) for cell in handed_out(slug, seed)["cells"] if cell["cell_type"] == "code"
    )
    words = set(re.findall(r"[\w.:/-]+", code.replace(STUB, ""))) - {str(seed)}
    answers, _ = solved(slug, seed)
    checked = 0
    for value in leaves(answers):
        spellings = {str(value)}
        if isinstance(value, int | float):
            if abs(value) < 10:  # 0, 1, 2.5: such numbers are everywhere and give nothing away
                continue
            spellings |= {f"{value:g}", f"{value:,}", f"{value:_}"}
        checked += 1
        assert not spellings & words, (slug, value)
    assert checked


@pytest.mark.parametrize("slug", SLUGS)
def test_no_line_of_the_solutions_code_is_in_the_students_file(slug):
    text = write_text(handed_out(slug, 0))
    _, code = solved(slug, 0)
    inside = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", code, re.S)
    assert len(inside) == len(assignment(slug).tasks)
    for line in "\n".join(inside).splitlines():
        if len(line.strip()) > 12 and not line.endswith(("{", "[", "(")):
            assert line.strip().replace('"', '\\"') not in text
    assert "SOLUTION" not in text
    assert "HIDDEN" not in text


@pytest.mark.parametrize("slug", SLUGS)
def test_no_message_of_a_check_is_in_the_students_file(slug):
    text = write_text(handed_out(slug, 0))
    for task in assignment(slug).tasks:
        for said in (task.debrief, *task.hints, *(slip.message for slip in task.wrong)):
            assert said not in text
            assert said[:40] not in text
        for slip in task.wrong:
            assert slip.misconception not in text


@pytest.mark.parametrize("slug", SLUGS)
def test_nothing_is_hidden_in_the_files_metadata_or_outputs(slug):
    notebook = read_notebook(ROOT / "exercises" / f"{slug}.ipynb")
    assert set(notebook["metadata"]) <= {"kernelspec", "language_info"}
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert not cell.get("attachments")
        assert set(cell["metadata"]) <= {"nbgrader", "tags", "editable", "deletable"}
