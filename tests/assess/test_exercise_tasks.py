"""Every task of every assignment: unattempted, each known wrong answer, right."""

import json
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from k8snet_lessons.assess import TODO, VERDICT_MIME, Exercise, assignment
from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
SEEDS = range(12)
ASSIGNMENTS = [assignment(lesson.slug) for lesson in LESSONS if lesson.exercise]
TASKS = [(work, task) for work in ASSIGNMENTS for task in work.tasks]
EACH = pytest.mark.parametrize(
    ("work", "task"), TASKS, ids=[f"{work.lesson[:2]}-{task.name}" for work, task in TASKS]
)


@EACH
def test_unattempted_is_said_and_costs_nothing_else(work, task):
    verdict = task.judge(task.given(work.lesson, 0), TODO)
    assert verdict.status == "unattempted"
    assert verdict.points == 0
    assert "Not answered yet" in verdict.message


@EACH
def test_each_known_wrong_answer_gets_its_own_message(work, task):
    assert task.wrong, "a task names the misunderstandings that it expects"
    for seed in SEEDS:
        given = task.given(work.lesson, seed)
        for slip in task.wrong:
            verdict = task.judge(given, slip.answer(given))
            assert verdict.status in ("wrong", "partial"), (seed, slip.misconception)
            assert verdict.misconception == slip.misconception, seed
            assert slip.message in verdict.to_text()
            assert verdict.debrief == ""


@EACH
def test_the_numbers_follow_the_seed(work, task):
    variants = [json.dumps(task.given(work.lesson, seed)) for seed in range(20)]
    again = [json.dumps(task.given(work.lesson, seed)) for seed in range(20)]
    assert variants == again
    assert len(set(variants)) > 5


@EACH
def test_the_prompt_shows_the_numbers_and_no_message_gives_the_answer(work, task):
    for seed in SEEDS:
        given = task.given(work.lesson, seed)
        assert len(task.prompt(given)) > 80
        for slip in task.wrong:
            said = task.judge(given, slip.answer(given)).to_text()
            assert "expected" not in said.lower()


def solved(lesson: str, seed: int) -> dict[str, dict]:
    """Run the solution notebook of a lesson and return each task's verdict."""
    path = ROOT / "solutions" / f"{lesson}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += f"\nseed = {seed}"
    NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if VERDICT_MIME in output.get("data", {}):
                found[output.data[VERDICT_MIME]["task"]] = output.data[VERDICT_MIME]
    return found


@pytest.mark.parametrize("work", ASSIGNMENTS, ids=lambda work: work.lesson)
@pytest.mark.parametrize("seed", [0, 7])
def test_the_solution_is_right_for_any_seed(work, seed):
    verdicts = solved(work.lesson, seed)
    assert list(verdicts) == [task.name for task in work.tasks]
    for verdict in verdicts.values():
        assert verdict["status"] == "right", verdict
        assert verdict["points"] == verdict["max_points"]


@pytest.mark.parametrize("work", ASSIGNMENTS, ids=lambda work: work.lesson)
def test_an_assignment_has_three_or_more_tasks_of_rising_worth(work):
    assert len(work.tasks) >= 3
    assert len({task.name for task in work.tasks}) == len(work.tasks)


def test_hints_unlock_with_misses_and_only_for_misses(capsys):
    exercise = Exercise("01-north-south-path", seed=1)
    shown = []
    for answer in (1, 1, 2, 1, 3, object(), object()):  # the same again is no new attempt
        exercise.check("silence", {"linear_s": answer})
        shown.append(capsys.readouterr().out.count("Hint:"))
    assert shown == [0, 0, 1, 1, 2, 2, 2]
    exercise.check("silence", TODO)
    assert "Hint:" not in capsys.readouterr().out


def test_partial_credit_names_each_part(capsys):
    exercise = Exercise("01-north-south-path", seed=1)
    pods = exercise.given("shares")["pods_on_node"]
    assert exercise.check("shares", {"local": 0.9, "cluster": 1 / sum(pods)}) == 1.0
    said = capsys.readouterr().out
    assert "1 of 2 points" in said
    assert "cluster: 1 of 1. Right." in said
    assert "local: 0 of 1." in said


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"lesson": "99-nothing"}, "lesson"),
        ({"lesson": "01-north-south-path", "seed": "seven"}, "seed"),
        ({"lesson": "01-north-south-path", "seed": 1.5}, "seed"),
        ({"lesson": "01-north-south-path", "seed": True}, "seed"),
        ({"lesson": "01-north-south-path", "student": ""}, "student"),
        ({"lesson": "01-north-south-path", "student": None}, "student"),
    ],
)
def test_a_wrong_parameter_is_named(wanted, field):
    with pytest.raises(InputError) as error:
        Exercise(**wanted)
    assert error.value.field == field


def test_parameters_come_as_text_or_number():
    exercise = Exercise("01-north-south-path", student=7, seed="12")
    assert (exercise.student, exercise.seed) == ("7", 12)


@pytest.mark.parametrize("seed", [0, 2, 7])
def test_the_edge_takes_both_halves_of_the_cure(seed):
    work = assignment("01-north-south-path")
    task = next(one for one in work.tasks if one.name == "edge")
    given = task.given(work.lesson, seed)
    one_more = given["start"]["replicas"] + 1
    assert task.judge(given, {"replicas": one_more, "target": "pod_ip"}).status == "right"
    for half in (
        {"target": "pod_ip", "ingress_replicas": 3},
        {"replicas": one_more},
        {"replicas": one_more + 1, "ingress_replicas": 1},
    ):
        assert task.judge(given, half).status != "right", half


def test_a_design_that_is_fast_and_dear_is_told_so_where_it_misses():
    work = assignment("01-north-south-path")
    task = next(one for one in work.tasks if one.name == "edge")
    given = task.given(work.lesson, 0)
    p99, budget = task.judge(given, {"replicas": 40}).parts
    assert (p99.points, p99.misconception) == (2, "")
    assert "More pods" not in p99.reason
    assert (budget.points, budget.misconception) == (0, "pods-buy-everything")
    assert "More pods" in budget.reason
    slow, _ = task.judge(given, {"target": "pod_ip"}).parts
    assert "client network" not in slow.reason
