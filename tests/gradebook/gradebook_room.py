"""What the gradebook's tests share: results made without a grader."""

from k8snet_lessons.assess import TODO, assignment
from k8snet_lessons.assess.grading.result import Graded

LESSON = "05-conntrack-exhaustion"


def right_answer(given):
    """The answer to the task `size` of lesson 5."""
    limit = max(131_072, 32_768 * given["cores"])
    return {"limit": limit, "per_s": (limit - given["standing"]) / 120}


def graded(student="ada", answers=None, *, seed=3, digest="d1", lesson=LESSON, **changed):
    """Judge answers as the grader does; tasks without one hold TODO."""
    work = assignment(lesson)
    answers = {task.name: (answers or {}).get(task.name, TODO) for task in work.tasks}
    verdicts = tuple(
        task.judge(task.given(lesson, seed), answers[task.name]) for task in work.tasks
    )
    fields = {
        "student": student,
        "assignment": lesson,
        "digest": digest,
        "status": "graded",
        "reason": "",
        "score": round(sum(verdict.points for verdict in verdicts), 2),
        "max_score": work.max_points,
        "tasks": verdicts,
        "seconds": 1.5,
        "seed": seed,
        "answers": answers,
    }
    return Graded(**(fields | changed))


def unreadable(student="bob", digest="d9", reason="this is no notebook", lesson=LESSON):
    """A submission that could not be graded."""
    return graded(
        student, digest=digest, lesson=lesson, status="not gradable", reason=reason,
        score=0.0, tasks=(), answers={}, seed=None,
    )  # fmt: skip


def solved(seed=3, lesson=LESSON):
    """The right answer to the first task."""
    return {"size": right_answer(assignment(lesson).task("size").given(lesson, seed))}
