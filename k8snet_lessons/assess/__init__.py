"""What is proved: exercises, their checks, their scores."""

from k8snet_lessons.assess.answers import TODO
from k8snet_lessons.assess.exercise import Assignment, Exercise, assignment
from k8snet_lessons.assess.task import Field, Slip, Task, asking, fields
from k8snet_lessons.assess.verdict import SCORE_MIME, VERDICT_MIME, Part, Score, Verdict

__all__ = [
    "SCORE_MIME",
    "TODO",
    "VERDICT_MIME",
    "Assignment",
    "Exercise",
    "Field",
    "Part",
    "Score",
    "Slip",
    "Task",
    "Verdict",
    "asking",
    "assignment",
    "fields",
]
