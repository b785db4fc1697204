"""What may stand behind a pipe: grep, head, tail, wc."""

import re

from k8snet_lessons.incidents.case import ToolError


def piped(text: str, words: list[str]) -> str:
    """Pass a text through one stage of a pipe."""
    if not words or words[0] not in ("grep", "head", "tail", "wc"):
        raise ToolError(
            f"{words[0] if words else '|'}: behind a pipe there are grep, head, tail, wc"
        )
    lines = text.splitlines()
    name, rest = words[0], words[1:]
    if name == "grep":
        return _grep(lines, rest)
    if name == "wc":
        if rest != ["-l"]:
            raise ToolError("wc: known here is -l")
        return f"{len(lines)}\n"
    count = "".join(rest).removeprefix("-n").removeprefix("-") or "10"
    if not count.isdecimal():
        raise ToolError(f"{name}: invalid number of lines: '{count}'")
    most = min(int(count), len(lines))
    kept = lines[:most] if name == "head" else lines[len(lines) - most :]
    return "".join(line + "\n" for line in kept)


def _grep(lines: list[str], rest: list[str]) -> str:
    flags = "".join(word[1:] for word in rest if word.startswith("-"))
    patterns = [word for word in rest if not word.startswith("-")]
    if len(patterns) != 1 or set(flags) - set("ivcE"):
        raise ToolError("grep: one pattern, and of the options -i, -v, -c, -E")
    try:
        wanted = re.compile(patterns[0], re.IGNORECASE if "i" in flags else 0)
    except re.error as error:
        raise ToolError(f"grep: {patterns[0]}: {error}") from None
    kept = [line for line in lines if (wanted.search(line) is None) == ("v" in flags)]
    return f"{len(kept)}\n" if "c" in flags else "".join(line + "\n" for line in kept)
