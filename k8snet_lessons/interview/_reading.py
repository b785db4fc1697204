"""An answer as read: its words, its sentences, and what holds of each word."""

from dataclasses import dataclass, field

from k8snet_lessons.interview._words import Word


@dataclass
class Sentence:
    """One sentence: words from `first` up to `last`, and how it is meant.

    `spoken` says that it says something; `disordered`, that its words are thrown together.
    """

    first: int
    last: int
    question: bool = False
    spoken: bool = True
    disordered: bool = False


@dataclass
class Reading:
    """An answer as read: words, sentences, and what holds of each word.

    Attributes
    ----------
    words : list of Word
    sentences : list of Sentence
    sentence, clause : list of int
        The number of each word's sentence and clause.
    denied : list of bool
        A negator denies the word.
    clause_denied : set of int
        Clauses in which a negator stands.
    unsaid : list of bool
        Reported from others, or not vouched for.
    context : int
        Words before this one are not the speaker's: the question that is being answered. They
        may be what a sentence is about, and nothing more.
    """

    words: list[Word]
    sentences: list[Sentence] = field(default_factory=list)
    sentence: list[int] = field(default_factory=list)
    clause: list[int] = field(default_factory=list)
    denied: list[bool] = field(default_factory=list)
    clause_denied: set[int] = field(default_factory=set)
    unsaid: list[bool] = field(default_factory=list)
    context: int = 0

    def index(self, word: str) -> list[int]:
        """Places of a stem; with a final ``*``, of all that begin so."""
        if not self._places:
            for place, one in enumerate(self.words):
                self._places.setdefault(one.stem, []).append(place)
        if not word.endswith("*"):
            return self._places.get(word, [])
        return sorted(
            place
            for known, places in self._places.items()
            if known.startswith(word[:-1])
            for place in places
        )

    _places: dict[str, list[int]] = field(default_factory=dict, repr=False)
