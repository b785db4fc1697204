"""Questions for names as messages: their ports, numbers and sizes, the same for every tool."""

import zlib

from k8snet_lessons.incidents.world import Pod


def query_port(pod: Pod, step: int) -> int:
    """Source port of a question; A and AAAA of one name leave from one socket."""
    return 33_000 + zlib.crc32(f"{pod.name}/{step // 2}".encode()) % 27_000


def query_id(pod: Pod, step: int) -> int:
    """Number of a question's message."""
    return zlib.crc32(f"{pod.name}/query/{step}".encode()) % 65_536


def question_bytes(name: str) -> int:
    """A question without EDNS: header 12, the name with its lengths, type and class."""
    return 12 + len(name) + 2 + 4


def answer_bytes(name: str, answer: list[str] | str) -> int:
    """An answer as CoreDNS writes it, names in full: each A record, or the zone's SOA."""
    asked = question_bytes(name)
    if isinstance(answer, list):
        return asked + len(answer) * (len(name) + 2 + 14)
    return asked + (93 if name.endswith("cluster.local") else 87)


def answer_text(name: str, answer: list[str] | str) -> str:
    """Code and counts of an answer; ``*-``: with authority, without recursion."""
    code = " NXDomain" if answer == "NXDOMAIN" else ""
    marks = "*-" if name.endswith("cluster.local") else ""
    records = f"{len(answer)}/0/0 A {answer[0]}" if isinstance(answer, list) else "0/1/0"
    return f"{code}{marks} {records}"
