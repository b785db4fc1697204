"""What was graded, kept: a SQLite file, and what is made of it for students and schools."""

from k8snet_lessons.assess.gradebook.book import Attempt, Gradebook
from k8snet_lessons.assess.gradebook.errors import GradebookError
from k8snet_lessons.assess.gradebook.late import Policy, Standing, standings

__all__ = ["Attempt", "Gradebook", "GradebookError", "Policy", "Standing", "standings"]
