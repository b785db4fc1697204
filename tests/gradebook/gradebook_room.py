"""What the gradebook's tests share: results made without a grader."""

from k8snet_lessons.assess import TODO, assignment
from k8snet_lessons.assess.grading.result import Graded

LESSON = "05-conntrack-exhaustion"


def right_answers(seed=3):
    """Answers to lesson 5 that earn all points."""
    work = assignment(LESSON)
    given = {task.name: task.given(LESSON, seed) for task in work.tasks}
    limit = max(131_072, 32_768 * given["size"]["cores"])
    one = given["moment"]
    new_per_s = one["requests_per_s"] * (1 - one["keepalive_percent"] / 100)
    usual = new_per_s * 120
    refused_s = given["client"]["refused_s"]
    return {
        "size": {"limit": limit, "per_s": (limit - given["size"]["standing"]) / 120},
        "moment": {
            "usual": usual,
            "seconds": (one["max_entries"] - usual) / (new_per_s * (one["burst_factor"] - 1)),
        },
        "client": {
            "new_s": min(at for at in (1, 2, 3, 4, 5, 7) if at >= refused_s),
            "old_s": min(at for at in (1, 3, 7) if at >= refused_s),
            "established": "nothing",
        },
        "cure": {"max_entries": 393_216, "time_wait_s": 30, "keepalive_share": 0.5},
    }


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


def solved(seed=3):
    """The right answer to the first task of lesson 5."""
    return {"size": right_answers(seed)["size"]}
