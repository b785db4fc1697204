"""Whatever the seed: one right answer, no misconception that hits it, numbers to work with."""

import json
import re
from pathlib import Path

import pytest

from k8snet_lessons.assess import TODO, assignment
from k8snet_lessons.assess.notebooks import read_notebook, source_of
from k8snet_lessons.course.curriculum import LESSONS

ROOT = Path(__file__).resolve().parents[2]
WORKS = [assignment(lesson.slug) for lesson in LESSONS if lesson.exercise]
TASKS = [(work, task) for work in WORKS for task in work.tasks]
# Judging these walks packets or runs a simulation; a variant takes 0.05 to 0.5 s.
SLOW = {
    "01-edge": 6,
    "02-packet": 10,
    "07-dash": 15,
    "07-read": 20,
    "10-cure": 10,
    "11-plan": 20,
    "12-board": 6,
    "12-solve": 5,
    "12-runbook": 3,
}
MANY = 100
SOME = 12


def seeds(work, task, first, most):
    """Some seeds to try a task with, fewer where judging is slow."""
    return range(first, first + min(most, SLOW.get(f"{work.lesson[:2]}-{task.name}", most)))


IDS = [f"{work.lesson[:2]}-{task.name}" for work, task in TASKS]


@pytest.mark.parametrize(("work", "task"), TASKS, ids=IDS)
def test_a_misconception_is_never_right_and_never_taken_for_another(work, task):
    for seed in seeds(work, task, 1000, MANY):
        given = task.given(work.lesson, seed)
        for slip in task.wrong:
            verdict = task.judge(given, slip.answer(given))
            assert verdict.status in ("wrong", "partial"), (seed, slip.misconception)
            assert verdict.misconception == slip.misconception, seed
            assert 0 <= verdict.points < verdict.max_points == task.max_points


@pytest.mark.parametrize(("work", "task"), TASKS, ids=IDS)
def test_a_prompt_has_numbers_that_a_person_can_work_with(work, task):
    for seed in seeds(work, task, 1000, MANY):
        text = task.prompt(task.given(work.lesson, seed))
        words = re.sub(r"`[^`]*`", "", text)  # code may say None
        odd = re.search(r"\b(nan|inf|None)\b|\d[eE][+-]\d|\d\.\d{4,}|(?<![\w-])-\d", words)
        assert not odd, (seed, text)


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.lesson)
def test_the_solutions_own_code_is_right_for_other_seeds(work):
    cells = read_notebook(ROOT / "solutions" / f"{work.lesson}.ipynb")["cells"]
    code = {
        cell["id"]: compile(source_of(cell), cell["id"], "exec")
        for cell in cells
        if cell["id"] == "setup" or cell["id"].startswith("answer-")
    }
    few = min((seeds(work, task, 2000, SOME) for task in work.tasks), key=len)
    for seed in few:  # of all tasks: a later answer may use what an earlier one imported
        names = {"student_id": "ada", "seed": seed}
        exec(code["setup"], names)
        for task in work.tasks:
            names[f"given_{task.name}"] = task.given(work.lesson, seed)
            exec(code[f"answer-{task.name}"], names)
            verdict = task.judge(task.given(work.lesson, seed), names[task.name])
            assert verdict.status == "right", (seed, task.name, verdict.to_text())
            assert verdict.debrief


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.lesson)
def test_points_do_not_depend_on_the_seed(work):
    for task in work.tasks:
        given = [task.given(work.lesson, seed) for seed in range(5)]
        shapes = {json.dumps(sorted(one)) for one in given}
        assert len(shapes) == 1
        assert {task.judge(one, TODO).max_points for one in given} == {task.max_points}
