"""Which words of an answer are asserted, which denied, reported, doubted or only listed.

A word is *denied* when a negator precedes it in its clause. It is *unsaid* when it stands in
a view that the speaker reports from others ("people say that ..."), does not vouch for ("no
idea whether ..."), or puts as a question.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from k8snet_lessons.interview._english import (
    AFTER_AND,
    BETWEEN,
    BREAKS,
    DENYING_VERBS,
    FACTIVE,
    FINITE,
    FUNCTION,
    HARMLESS_AFTER,
    NEGATORS,
    VERBS,
)
from k8snet_lessons.interview._reading import Reading, Sentence
from k8snet_lessons.interview._unsaid import mark_unsaid
from k8snet_lessons.interview._word_order import disordered
from k8snet_lessons.interview._words import PUNCTUATION, RELATIONS, Word, stem, words

#: How far after "and" a verb may stand that makes it the beginning of a clause.
_AHEAD: Final = 7
_CLAUSE_SIGNS: Final = frozenset(",:()[]-") | {"--", "---"}
_ARTICLES: Final = frozenset({"a", "an", "the"})
_ABBREVIATED: Final = frozenset({"etc", "vs", "approx", "incl", "resp", "e", "g", "i", "cf", "est"})
#: Share of a sentence's words that hold it together. Prose has 0.4 to 0.5, notes 0.15 and more,
#: a list of keywords next to nothing (estimate, from the marked answers).
_LEAST_GLUE: Final = 0.1
_GLUE_OF_PROSE: Final = 0.25
_LONG_RUN: Final = 10
#: A shorter line is an item of a list, whatever the next one begins with.
_WRAPPED: Final = 45
#: A note of so few words needs no verb: "read time-out slightly above the slowest good answer".
_SHORT: Final = 9
#: More arrows than this, and nearly as many as words, are keywords on a string.
_ARROWS: Final = 5
_ARROWS_A_WORD: Final = 0.5
#: So many items of one or two words between signs make a list of keywords.
_BARE: Final = 2
_MOST_BARE: Final = 7
_BARE_SHARE: Final = 0.7
_LEAST_COMMAND: Final = 3
_GLUE_OF_A_RUN: Final = 0.18
#: So often one word of glue counts in a run: "the ... of the ...", and no more.
_MOST_OF_ONE: Final = 2


def read(
    text: str, vocabulary: frozenset[str] = frozenset(), ignore: str = "", context: int = 0
) -> Reading:
    """Read an answer.

    Parameters
    ----------
    text : str
    vocabulary : frozenset of str
        Words toward which typing errors are mended.
    ignore : str
        Sentences that count for nothing when they are repeated: the question's own.
    context : int
        Characters at the beginning of the text that are not the speaker's.
    """
    found = words(text, vocabulary)
    reading = Reading(found, context=sum(word.start < context for word in found))
    asked = words(ignore)
    known = [_key(asked[first:last]) for first, last in _sentences(ignore, asked)]
    spans = list(_sentences(text, found))
    once: set[str] = set()
    thrown = disordered(found)
    prose = len(spans) <= 2 or context > 0 or _glue(found) >= _GLUE_OF_PROSE
    for first, last in spans:
        sentence = Sentence(first, last, question=found[last - 1].stem == "?")
        key = _key(found[first:last])
        middle = (first + last) // 2
        sentence.disordered = any(begin <= middle < end for begin, end in thrown)
        said = not sentence.disordered and _is_spoken(found[first:last], prose)
        # What is said again word for word says no more, and would only take time to read.
        said = said and key not in once
        once.add(key)
        sentence.spoken = said and not any(_echo(key, one) for one in known)
        reading.sentences.append(sentence)
        reading.sentence += [len(reading.sentences) - 1] * (last - first)
    _clauses(reading)
    _denials(reading)
    mark_unsaid(reading)
    return reading


# --- sentences and clauses -------------------------------------------------------------------


def _sentences(text: str, found: list[Word]) -> Iterator[tuple[int, int]]:
    first = 0
    for index in range(len(found)):
        if _ends(text, found, index) and index > first - 1:
            yield first, index + 1
            first = index + 1
    if first < len(found):
        yield first, len(found)


def _ends(text: str, found: list[Word], index: int) -> bool:
    sign = found[index].stem
    if sign in "!?;":
        return True
    after = text[found[index].end : found[index].end + 1]
    if sign == ".":
        before = found[index - 1].written if index else ""
        return (not after or after.isspace() or after in "\"'”’)") and before not in _ABBREVIATED
    if sign == "\n":
        # A line break ends a sentence unless a wrapped line simply goes on.
        rest = text[found[index].end :].lstrip(" \t")
        line = found[index].start - (text.rfind("\n", 0, found[index].start) + 1)
        return line < _WRAPPED or not rest[:1].islower()
    return False


def _clauses(reading: Reading) -> None:
    number, verb = 0, False
    for index, word in enumerate(reading.words):
        fresh = index > 0 and reading.sentence[index] != reading.sentence[index - 1]
        sign = word.stem in _CLAUSE_SIGNS | RELATIONS and not _inside_a_word(reading, index)
        if fresh or sign or _breaks(reading, index, verb):
            number, verb = number + 1, False
        verb = verb or word.stem in VERBS
        reading.clause.append(number)


def _inside_a_word(reading: Reading, index: int) -> bool:
    """Whether an equals sign holds one thing together, as in ``app=ingress``."""
    around = reading.words[max(0, index - 1) : index + 2]
    return (
        reading.words[index].stem == "="
        and len(around) == 3
        and all(before.end == after.start for before, after in pairwise(around))
    )


def _breaks(reading: Reading, index: int, verb: bool) -> bool:
    """Whether a word begins a clause; `verb` says that the clause so far has one."""
    here = reading.words[index].stem
    if here in BREAKS:
        follows = reading.words[index + 1].stem if index + 1 < len(reading.words) else ""
        # "kube-proxy then enforces it": between a subject and its verb nothing begins.
        subject = index > 0 and reading.words[index - 1].stem not in PUNCTUATION | BREAKS | {"and"}
        return not (here in BETWEEN and not verb and subject and follows in VERBS)
    if here not in ("and", "as"):
        return False
    last = reading.sentences[reading.sentence[index]].last
    ahead = reading.words[index + 1 : min(index + _AHEAD, last)]
    signs = (n for n, word in enumerate(ahead) if word.stem in PUNCTUATION)
    ahead = ahead[: next(signs, len(ahead))]
    if not ahead or (
        here == "as" and [w.stem for w in ahead[:2]] in (["it", "is"], ["it", "stand"])
    ):
        return False
    if ahead[0].stem in AFTER_AND:
        return True
    # "... are dropped and open ones survive" begins anew; "drops and resets them" goes on.
    goes_on = ahead[0].stem in VERBS and not ahead[0].written.endswith("ed")
    return verb and not goes_on and any(word.stem in VERBS for word in ahead[1:])


# --- negation --------------------------------------------------------------------------------


def _denials(reading: Reading) -> None:
    denied, clause, opened, without = False, -1, 0, False
    for index, word in enumerate(reading.words):
        if reading.clause[index] != clause:
            denied, clause, opened, without = False, reading.clause[index], index, False
        elif opened == index - 1 and reading.words[opened].stem in _OPENERS:
            opened = index
        # "If there is no pod the connection fails": the main clause needs no comma.
        if denied and word.stem in AFTER_AND and reading.words[opened].stem in _CONDITIONS:
            denied = False
        # "It does not matter" denies that one word, and nothing after it.
        fact = word.stem == "that" and index > 0 and reading.words[index - 1].stem in FACTIVE
        if fact:
            denied = False
        if without and (word.stem in FINITE or _is_third_person(reading, index)):
            # What "without" denies is the noun, not what the sentence says of it.
            denied = without = False
            reading.clause_denied.discard(clause)
        idle = word.stem == _MATTER and index > 0 and reading.words[index - 1].stem in NEGATORS
        reading.denied.append(denied or idle)
        kind = _negator(reading, index)
        if not kind:
            continue
        before = reading.words[index - 1].stem if index else ""
        if kind == "word" or before in ("and", "or", "nor"):
            # "without" after "not" turns it round; a second "no" does not.
            without = word.stem == "without" and not denied
            denied = not denied if word.stem == "without" else True
        else:
            denied = not denied
        reading.clause_denied.add(clause)


def _is_third_person(reading: Reading, index: int) -> bool:
    """A verb in -s after a noun: "a selector without a namespace selects pods everywhere"."""
    before, word = reading.words[index - 1], reading.words[index]
    after_noun = before.stem not in FUNCTION and before.stem not in PUNCTUATION
    return word.stem in VERBS and word.written.endswith("s") and after_noun


def _negator(reading: Reading, index: int) -> str:
    stems = [word.stem for word in reading.words[index : index + 4]]
    here, follows = stems[0], stems[1] if len(stems) > 1 else ""
    if here in NEGATORS:
        harmless = follows in HARMLESS_AFTER or (
            len(stems) > 2 and follows in _ADVERBS and stems[2] in HARMLESS_AFTER
        )
        return "" if harmless else "word"
    if (here, follows) in (("instead", "of"), ("rather", "than"), (stem("opposed"), "to")):
        return "word"
    if here == "fail" and follows == "to":
        return "word"
    return "verb" if here in DENYING_VERBS else ""


_CONDITIONS: Final = frozenset(
    stem(word) for word in ("if", "when", "once", "where", "with", "without", "unless")
)
_OPENERS: Final = frozenset({",", ":", "(", "-", "and", "so", "then", "or"})
_MATTER: Final = stem("matter")
_ADVERBS: Final = frozenset(
    stem(w) for w in ["really", "quite", "entirely", "totally", "so", "completely", "100"]
)


# --- sentences that are none -----------------------------------------------------------------


def _glue(part: list[Word]) -> float:
    content = [word.stem for word in part if word.stem not in PUNCTUATION]
    return sum(stem in FUNCTION for stem in content) / max(1, len(content))


def _is_spoken(part: list[Word], prose: bool) -> bool:
    """Whether a sentence says something, or only lists words; `prose` says what it stands in."""
    content = [word.stem for word in part if word.stem not in PUNCTUATION]
    relations = sum(word.stem in RELATIONS for word in part)
    words_of_glue = len(set(content) & FUNCTION)
    glue = words_of_glue + relations + any(word.stem == ":" for word in part)
    if relations > _ARROWS and relations > _ARROWS_A_WORD * len(content):
        return False
    if prose and len(content) <= _SHORT and _inflected(part):
        return True
    if glue < max(1.0, _LEAST_GLUE * len(content)):
        return False
    note = len(content) <= _SHORT and bool((set(content) & FUNCTION) - _ARTICLES)
    verb = any(stem in VERBS for stem in content) or _inflected(part)
    if not note and not relations and not verb:
        return False
    runs = list(_runs(part))
    bare = sum(0 < len(run) <= _BARE and not FUNCTION.intersection(run) for run in runs)
    if bare >= _MOST_BARE and bare > _BARE_SHARE * sum(map(bool, runs)):
        return False
    return not any(_is_list(run) for run in runs)


def _inflected(part: list[Word]) -> bool:
    """A finite verb after the first word, "DNS makes four queries", or a command, "Drain it"."""
    if len(part) >= _LEAST_COMMAND and part[0].stem in VERBS:
        return True
    if any(
        # Whatever the verb: "binds the address".
        before.written.endswith(("s", "ed")) and after.stem in _ARTICLES
        for before, after in pairwise(part)
        if before.stem not in FUNCTION
    ):
        return True
    return any(
        # "costs", "dropped", or a plural before it: "small notes travel".
        after.stem in VERBS and (after.written.endswith(("s", "ed")) or _plural(before))
        for before, after in pairwise(part)
    )


def _plural(word: Word) -> bool:
    return word.written.endswith("s") and word.stem not in FUNCTION and word.stem not in VERBS


def _runs(part: list[Word]) -> Iterator[list[str]]:
    """What stands between two signs: notes have short runs, prose has glue in the long ones."""
    run: list[str] = []
    for word in part:
        if word.stem == "\n":
            continue
        if word.stem in PUNCTUATION or word.stem in RELATIONS:
            yield run
            run = []
        else:
            run.append(word.stem)
    yield run


def _is_list(run: list[str]) -> bool:
    held = sum(min(_MOST_OF_ONE, run.count(word)) for word in set(run) & FUNCTION)
    return len(run) >= _LONG_RUN and held < _GLUE_OF_A_RUN * len(run)


def _key(found: list[Word]) -> str:
    return " ".join(word.stem for word in found if word.stem not in PUNCTUATION)


def _echo(key: str, known: str) -> bool:
    from rapidfuzz.fuzz import ratio

    return len(key) > 20 and ratio(key, known, score_cutoff=85) > 0
