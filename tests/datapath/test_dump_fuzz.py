"""Whatever stands in a dump: it is read, or a DumpError says what is wrong."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from k8snet_lessons.datapath import DumpError, Packet, parse_iptables_save, trace

DUMPS = sorted((Path(__file__).parent / "dumps").glob("*.txt"))
TEXTS = [path.read_text() for path in DUMPS]
PACKETS = [
    Packet("10.244.0.9", "172.30.0.41", 80, sport=40000),
    Packet("203.0.113.9", "192.168.0.2", 30080),
    Packet("10.1.0.5", "10.1.0.6", 6379, in_interface="cali1234567890a"),
    Packet("10.42.0.9", "192.168.0.2", protocol="icmp"),
]
WORDS = [
    *sorted({word for text in TEXTS for word in text.split()}),
    "!", "-m", "-j", "-g", "--", "-", '"', '\\"', "\\", "[", "]", ":", "/", "0x", "-1", "70000",
    "4294967296", "1.5", "::1", "fd00::/200", "\x00", "é", "-A", "COMMIT", "*nat", "#",
]  # fmt: skip


def read_or_refuse(text):
    """The ruleset, or None where a documented error named what is wrong."""
    try:
        return parse_iptables_save(text)
    except DumpError as error:
        if not error.allowed or len(str(error)) > 2000:
            pytest.fail(f"an error that does not help: {error}")
        return None


def walk_all(ruleset):
    for packet in PACKETS:
        for origin in ("pod", "host", "external"):
            if origin == "host" and packet.in_interface:
                continue
            if ruleset.family == 4:
                found = trace(ruleset, packet, origin)
                assert sum(o.probability for o in found.outcomes) == 1
                assert str(found)


def mutated(text, rng):
    """A dump after one to three accidents."""
    lines = text.split("\n")
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(lines))
        words = lines[at].split(" ")
        accident = rng.randrange(9)
        if accident == 0:
            del lines[at]
        elif accident == 1:
            lines.insert(at, rng.choice(lines))
        elif accident == 2:
            lines = lines[:at]
        elif accident == 3:
            lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
        elif accident == 4:
            words[rng.randrange(len(words))] = rng.choice(WORDS)
            lines[at] = " ".join(words)
        elif accident == 5:
            del words[rng.randrange(len(words))]
            lines[at] = " ".join(words)
        elif accident == 6:
            words.insert(rng.randrange(len(words) + 1), rng.choice(WORDS))
            lines[at] = " ".join(words)
        elif accident == 7:
            other = rng.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        else:
            line = list(lines[at] or " ")
            line[rng.randrange(len(line))] = chr(rng.randrange(1, 256))
            lines[at] = "".join(line)
        lines = lines or [""]
    return "\n".join(lines)


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: path.stem)
def test_mutated_dumps(path):
    rng = random.Random(path.stem)
    text = path.read_text()
    read = 0
    for _ in range(250):
        ruleset = read_or_refuse(mutated(text, rng))
        if ruleset is not None:
            read += 1
            walk_all(ruleset)
    # Both must happen, or the mutations test nothing.
    assert 10 < read < 240


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_any_words_in_a_rule(words):
    text = f"*nat\n:PREROUTING ACCEPT [0:0]\n:X - [0:0]\n-A PREROUTING {' '.join(words)}\nCOMMIT"
    ruleset = read_or_refuse(text)
    if ruleset is not None:
        walk_all(ruleset)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text):
    read_or_refuse(text)
    read_or_refuse(f"*filter\n:INPUT ACCEPT [0:0]\n-A INPUT {text}\nCOMMIT")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_as_a_packet(text):
    from k8snet_lessons.errors import InputError

    try:
        packet = Packet.parse(text)
    except InputError:
        return
    assert Packet.parse(str(packet)) == packet
