"""The ledger of claims: every number in the lessons' prose, and where it comes from.

One module a lesson, ``lesson_NN.py``, with a tuple ``CLAIMS`` in the order of the lesson. A
test holds each lesson to its module: a number that no claim accounts for fails, and so does a
claim whose words the lesson no longer says, or whose value comes out otherwise.
"""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from k8snet_lessons.course.claims.claim import KINDS, Claim, Kind
from k8snet_lessons.course.claims.prose import prose, unaccounted, unsaid
from k8snet_lessons.course.curriculum import LESSONS, Lesson

__all__ = ["KINDS", "Claim", "Kind", "claims", "ledger", "prose", "unaccounted", "unsaid"]


@cache
def claims(here: Lesson) -> tuple[Claim, ...]:
    """Return the claims of a lesson; empty where it has no module yet."""
    name = f"{__name__}.lesson_{here.number:02d}"
    if find_spec(name) is None:
        return ()
    found: tuple[Claim, ...] = import_module(name).CLAIMS
    return found


def ledger() -> dict[Lesson, tuple[Claim, ...]]:
    """Return the claims of every lesson that stands."""
    return {one: claims(one) for one in LESSONS if one.ready and claims(one)}
