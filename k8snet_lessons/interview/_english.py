"""Lists of plain English words (``english.yaml``), stemmed, for reading sentences."""

from functools import cache
from importlib.resources import files
from typing import Final

from k8snet_lessons.interview._words import stem


@cache
def _lists() -> dict[str, list[str]]:
    import yaml

    text = (files("k8snet_lessons.interview") / "english.yaml").read_text(encoding="utf-8")
    return {name: str(listed).split() for name, listed in yaml.safe_load(text).items()}


def _stems(name: str) -> frozenset[str]:
    return frozenset(stem(word) for word in _lists()[name])


#: Words that hold a sentence together, as they are written.
GLUE: Final = frozenset(_lists()["function"])
#: The same, stemmed: they say nothing by themselves.
FUNCTION: Final = _stems("function")
#: Verbs without which few sentences of this field are made.
VERBS: Final = _stems("verbs")
#: Words that deny what follows them in the clause, and verbs that do the same.
NEGATORS: Final = _stems("negators")
DENYING_VERBS: Final = _stems("denying_verbs")
#: What makes a negator deny nothing: "not only", "do not forget", "no matter".
HARMLESS_AFTER: Final = _stems("harmless_after")
#: Words that begin a new clause, and end what a negator denies.
BREAKS: Final = _stems("breaks")
#: After "and", these begin a clause of its own.
AFTER_AND: Final = _stems("after_and")
#: Signs that a reported view is being set right.
CONTRAST: Final = _stems("contrast")
#: A clause that begins so is half of a statement: "once it closes, the entry is gone".
SUBORDINATE: Final = _stems("subordinate")
#: What begins a clause that turns against the one before it.
AGAINST: Final = _stems("against")
#: Between a subject and its verb these begin nothing: "kube-proxy then enforces it".
BETWEEN: Final = _stems("between")
#: "They do not know that the tunnel takes 50 bytes": it does take them.
FACTIVE: Final = _stems("factive")
#: "Pods without a policy are open": what "without" denies ends at the sentence's own verb.
FINITE: Final = _stems("finite")
#: The subject of a doubt that is the speaker's own.
SPEAKER: Final = _stems("speaker")
#: Nouns before which a form in -ing is no act: "packet forwarding rules".
THINGS: Final = _stems("things")
#: What a typing error may have been meant for, besides the words of the patterns.
PLAIN_WORDS: Final = frozenset(word for listed in _lists().values() for word in listed)
