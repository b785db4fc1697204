"""What may stand behind a pipe: grep, head, tail, wc, sort, uniq."""

import itertools
import re

from k8snet_lessons.incidents.case import ToolError

_KNOWN = ("grep", "egrep", "head", "tail", "wc", "sort", "uniq", "cat")


def piped(text: str, words: list[str]) -> str:
    """Pass a text through one stage of a pipe."""
    if not words or words[0] not in _KNOWN:
        raise ToolError(
            f"{words[0] if words else '|'}: behind a pipe there are {', '.join(_KNOWN)}"
        )
    lines = text.splitlines()
    name, rest = words[0], words[1:]
    if name in ("grep", "egrep"):
        return _grep(lines, rest)
    if name == "wc":
        if rest != ["-l"]:
            raise ToolError("wc: known here is -l")
        return f"{len(lines)}\n"
    if name in ("sort", "uniq"):
        lines = _sort(lines, rest) if name == "sort" else _uniq(lines, rest)
    elif name != "cat":
        lines = _cut(name, lines, rest)
    return "".join(line + "\n" for line in lines)


def _cut(name: str, lines: list[str], rest: list[str]) -> list[str]:
    count = "".join(rest).removeprefix("-n").removeprefix("-") or "10"
    if not count.isdecimal():
        raise ToolError(f"{name}: invalid number of lines: '{count}'")
    most = min(int(count), len(lines))
    return lines[:most] if name == "head" else lines[len(lines) - most :]


def _sort(lines: list[str], rest: list[str]) -> list[str]:
    flags = "".join(word.lstrip("-") for word in rest)
    if set(flags) - set("nru"):
        raise ToolError("sort: known here are -n, -r and -u")
    lines = sorted(set(lines)) if "u" in flags else sorted(lines)
    if "n" in flags:
        lines.sort(key=lambda line: float((re.match(r" *(-?\d+)", line) or ["", "0"])[1]))
    return lines[::-1] if "r" in flags else lines


def _uniq(lines: list[str], rest: list[str]) -> list[str]:
    if set(rest) - {"-c"}:
        raise ToolError("uniq: known here is -c")
    runs = [(line, len(list(group))) for line, group in itertools.groupby(lines)]
    return [f"{count:7} {line}" if rest else line for line, count in runs]


def _grep(lines: list[str], rest: list[str]) -> str:
    flags, patterns, around = "", [], {"A": 0, "B": 0, "C": 0}
    words = list(rest)
    while words:
        word = words.pop(0)
        found = re.fullmatch(r"-([ivcEnowF]*)([ABC])(\d*)", word)
        if found and (found[3] or (words and words[0].isdecimal())):
            flags += found[1]
            around[found[2]] = int(found[3] or words.pop(0))
        elif word == "-e" and words:
            patterns.append(words.pop(0))
        elif word.startswith("-") and len(word) > 1:
            flags += word[1:]
        else:
            patterns.append(word)
    if not patterns or set(flags) - set("ivcEnowF"):
        raise ToolError("grep: a pattern, and of the options -i -v -c -E -F -n -o -w -A -B -C -e")
    wanted = _pattern(patterns, flags)
    hits = [k for k, line in enumerate(lines) if (wanted.search(line) is None) == ("v" in flags)]
    if "c" in flags:
        return f"{len(hits)}\n"
    if "o" in flags:
        return "".join(f"{match[0]}\n" for k in hits for match in wanted.finditer(lines[k]))
    before = max(around["B"], around["C"])
    after = max(around["A"], around["C"])
    shown = sorted(
        {j for k in hits for j in range(max(0, k - before), min(len(lines), k + after + 1))}
    )
    number = "n" in flags
    return "".join(f"{k + 1}:{lines[k]}\n" if number else f"{lines[k]}\n" for k in shown)


def _pattern(patterns: list[str], flags: str) -> re.Pattern[str]:
    text = "|".join(re.escape(one) if "F" in flags else one for one in patterns)
    if "E" not in flags and "F" not in flags:  # basic: \\| is an alternative
        text = text.replace("\\|", "|")
    if "w" in flags:
        text = rf"\b(?:{text})\b"
    try:
        return re.compile(text, re.IGNORECASE if "i" in flags else 0)
    except re.error as error:
        raise ToolError(f"grep: {patterns[0]}: {error}") from None
