"""Where the numbers of a lesson's prose stand, and which of them a claim accounts for."""

import re
from typing import Final

from k8snet_lessons.course.claims.claim import NUMBER, Claim

_CODE: Final = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_TO_TRY: Final = re.compile(r"^## (Turn the knobs|Next)\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(r"\]\([^)]*\)")
_WORD: Final = re.compile(r"`[^`\n]*`")
_MARKER: Final = re.compile(r"^\s*\d+\. ", re.MULTILINE)
_LESSON: Final = re.compile(r"\b[Ll]essons? \d+(?:(?:,| and| to) \d+)*")
_NAME: Final = re.compile(
    r"\b[Ll]ayer[- ]\d|\bKEP-\d+|\b1/n\b|\b1/\(n[^)]*\)|\bIPv[46]\b|\bHTTP/[\d.]+\d?"
)
_DIRECTIVE: Final = re.compile(r"^\{\{\w+\}\}$", re.MULTILINE)


def prose(markdown: str) -> str:
    """Return what a reader takes for statements, on one line.

    Left out are code, the targets of links, the numbers of lists, the sources, and the part
    that says which knobs to turn: it claims nothing.
    """
    text = _TO_TRY.sub("\n", markdown.split("\n## Sources\n")[0])
    for pattern in (_CODE, _DIRECTIVE, _MARKER):
        text = pattern.sub(" ", text)
    text = _LINK.sub("]", text)
    text = _WORD.sub("`…`", text)
    text = _LESSON.sub("lesson …", text)
    text = _NAME.sub("…", text)
    return " ".join(text.replace("**", "").replace("*", "").split())


def unaccounted(markdown: str, claims: tuple[Claim, ...]) -> list[str]:
    """Return the numbers of a lesson that no claim holds, each with the words around it."""
    text = prose(markdown)
    covered = [False] * len(text)
    for claim in claims:
        for start in _places(claim.says, text):
            covered[start : start + len(claim.says)] = [True] * len(claim.says)
    return [
        "… " + text[max(0, found.start() - 50) : found.end() + 40] + " …"
        for found in NUMBER.finditer(text)
        if not covered[found.start()]
    ]


def unsaid(markdown: str, claims: tuple[Claim, ...]) -> list[str]:
    """Return the words of claims that the lesson does not say (any more)."""
    text = prose(markdown)
    return [claim.says for claim in claims if claim.says not in text]


def _places(words: str, text: str) -> list[int]:
    return [found.start() for found in re.finditer(re.escape(words), text)]
