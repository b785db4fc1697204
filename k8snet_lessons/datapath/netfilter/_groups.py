"""The words of a rule, and the options that they form."""

import re
from typing import NamedTuple

from k8snet_lessons.datapath.netfilter._fields import DumpError

# A quoted word keeps its opening quote until it is used, so that "-x" is no option.
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(?=\s|$)')
_PLAIN = re.compile(r"[^\s\"]+")
_ESCAPED = re.compile(r"\\(.)")


class Option(NamedTuple):
    """``! --name word word``, as it stood."""

    name: str
    words: tuple[str, ...]
    negated: bool


class Group:
    """The options of one ``-m``, or of the target."""

    __slots__ = ("module", "options")

    def __init__(self, module: str) -> None:
        self.module = module
        self.options: list[Option] = []

    def words(self) -> tuple[str, ...]:
        """All words in the order written."""
        out: list[str] = []
        for option in self.options:
            out += (["!"] if option.negated else []) + [option.name, *option.words]
        return tuple(out)


def split_words(line: str, where: str) -> list[str]:
    """The words of a line; a quoted one starts with a double quote and has lost the other.

    Raises
    ------
    DumpError
        If a quote is not closed, or stands inside a word.
    """
    if '"' not in line:
        return line.split()
    if "\\" not in line:
        # Between two quotes every second piece was quoted: no scan by character.
        pieces = line.split('"')
        if len(pieces) % 2:
            words: list[str] = []
            for index, piece in enumerate(pieces):
                if index % 2:
                    words.append('"' + piece)
                elif (index and piece and not piece[0].isspace()) or (
                    index < len(pieces) - 1 and piece and not piece[-1].isspace()
                ):
                    raise DumpError("rule", line, "quotes around whole words", where)
                else:
                    words += piece.split()
            return words
        raise DumpError("rule", line, "a closing quote for each opening one", where)
    words, at = [], 0
    while at < len(line):
        if line[at].isspace():
            at += 1
            continue
        found = _QUOTED.match(line, at) or _PLAIN.match(line, at)
        if found is None:
            raise DumpError("rule", line, "a closing quote for each opening one", where)
        quoted = line[at] == '"'
        words.append('"' + _ESCAPED.sub(r"\1", found[1]) if quoted else found[0])
        at = found.end()
    return words
