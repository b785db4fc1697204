"""What is said: the interviewer, the scorer of free text, and the report."""

from k8snet_lessons.interview.scoring import Scored as Scored
from k8snet_lessons.interview.scoring import ScoredPoint as ScoredPoint
from k8snet_lessons.interview.scoring import open_questions as open_questions
from k8snet_lessons.interview.scoring import score_answer as score_answer

__all__ = ["Scored", "ScoredPoint", "open_questions", "score_answer"]
