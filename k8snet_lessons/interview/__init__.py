"""What is said: the interviewer, the scorer of free text, and the report.

An `Interview` is a log of events without a screen; `report` says what it comes to, and a log
that is read again gives the same report.

>>> held = Interview.begin(first="10-grpc-imbalance", questions=1)
>>> held.say("All calls share one HTTP/2 connection, and a ClusterIP only balances connections.")
>>> held.state.phase
'follow-up'
>>> Interview.read(held.log()).state == held.state
True
"""

from k8snet_lessons.interview.report import Report as Report
from k8snet_lessons.interview.report import report as report
from k8snet_lessons.interview.scoring import Scored as Scored
from k8snet_lessons.interview.scoring import ScoredPoint as ScoredPoint
from k8snet_lessons.interview.scoring import open_questions as open_questions
from k8snet_lessons.interview.scoring import score_answer as score_answer
from k8snet_lessons.interview.session import Interview as Interview
from k8snet_lessons.interview.transcript import as_markdown as as_markdown
from k8snet_lessons.interview.transcript import as_page as as_page

__all__ = [
    "Interview",
    "Report",
    "Scored",
    "ScoredPoint",
    "as_markdown",
    "as_page",
    "open_questions",
    "report",
    "score_answer",
]
