"""What the parts of ``kubectl describe`` share: moments, ages, labels."""

from collections.abc import Mapping
from datetime import datetime

from k8snet_lessons.incidents.case import age, stamp


def moment(stated: str) -> str:
    """A moment as ``describe`` writes it."""
    at = datetime.strptime(stated, "%Y-%m-%dT%H:%M:%SZ")
    return at.strftime("%a, %d %b %Y %H:%M:%S +0000")


def since(stated: str) -> str:
    """How long ago a moment is."""
    at = datetime.strptime(stated, "%Y-%m-%dT%H:%M:%SZ")
    return age(int((stamp(0) - at).total_seconds()))


def mapping(title: str, pairs: Mapping[str, str] | None, sign: str = "=") -> str:
    """Labels or annotations below one another."""
    items = [f"{key}{sign}{value}" for key, value in sorted((pairs or {}).items())] or ["<none>"]
    return f"{title}:\t" + "\n\t".join(items) + "\n"
