"""From a text to words that can be compared: folded, split, stemmed, typing errors mended.

Every word keeps its place in the original text, so that evidence can be shown in the
learner's own words.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

#: Characters of an answer that are read: ten minutes of speech (estimate, 150 words a minute).
MAX_CHARS: Final = 10_000
#: Different unknown words that are taken for mistyped ones.
MOST_MENDED: Final = 120

_DIGITS = {
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "twelve": "12", "fifteen": "15",
    "eighteen": "18", "twenty": "20", "twice": "2x", "double": "2x", "doubled": "2x",
    "thrice": "3x", "triple": "3x", "tripled": "3x", "threefold": "3x",
}  # fmt: skip
# Words that people write in one piece or two; the forms are brought to one.
_SPLIT = {
    "clusterip": "cluster ip", "nodeport": "node port", "coredns": "core dns",
    "loadbalancer": "load balancer", "endpointslice": "endpoint slice",
    "endpointslices": "endpoint slices", "podselector": "pod selector",
    "namespaceselector": "namespace selector", "netns": "network namespace",
    "roundrobin": "round robin", "trafficdistribution": "traffic distribution",
    "prefersamezone": "prefer same zone", "preferclose": "prefer close",
    "networkpolicy": "network policy", "networkpolicies": "network policies",
    "maxconnectionage": "max connection age", "lb": "load balancer", "lbs": "load balancers",
    "svc": "service", "svcs": "services", "ns": "namespace", "db": "database",
    "conn": "connection", "conns": "connections", "az": "zone", "azs": "zones",
    "rps": "requests per second", "msg": "message", "config": "configuration",
    "nodelocal": "node local", "pmtud": "pmtu discovery", "ips": "ip", "vips": "vip",
    "ep": "endpoint", "eps": "endpoints", "cfg": "configuration", "pkt": "packet",
    "pkts": "packets", "src": "source", "dst": "destination", "req": "request",
    "reqs": "requests", "resp": "response", "ctrl": "control", "addr": "address",
    "addrs": "addresses", "backends": "backend", "everytime": "every time", "vs": "versus",
    "kp": "kubeproxy", "ct": "conntrack", "iface": "interface", "ifaces": "interfaces",
    "est": "established", "estab": "established", "dnatted": "dnat", "dnated": "dnat",
    "snatted": "snat", "snated": "snat", "natted": "nat", "nated": "nat", "dnats": "dnat",
    "econnrefused": "connection refused", "rtx": "retransmit", "h2": "http2",
    "chan": "channel", "chans": "channels", "rpcs": "rpc", "muxed": "multiplexed",
    "mux": "multiplex", "muxes": "multiplexes", "rr": "round robin", "avg": "average",
    "sel": "selector", "nssel": "namespace selector", "podsel": "pod selector",
    "nsselector": "namespace selector", "sidecars": "sidecar", "upto": "up to",
    "tstamp": "timestamp", "mem": "memory", "lat": "latency", "perf": "performance",
    "deps": "dependencies", "dep": "dependency", "repl": "replica", "repls": "replicas",
    "prod": "production", "deploys": "deploy", "secs": "seconds", "mins": "minutes",
    "w/o": "without", "b/c": "because", "bc": "because", "coz": "because", "cuz": "because",
    "thru": "through", "ok": "okay", "k8s": "kubernetes", "hash-map": "hash map",
    "hashmap": "hash map", "hashmaps": "hash maps", "hashtable": "hash table",
    "hashtables": "hash tables", "rewritting": "rewriting", "lookups": "look up",
    "lookup": "look up", "cant": "can't", "dont": "don't", "doesnt": "doesn't",
    "isnt": "isn't", "wont": "won't", "didnt": "didn't", "arent": "aren't",
    "wasnt": "wasn't", "wouldnt": "wouldn't", "couldnt": "couldn't", "havent": "haven't",
    "cannot": "can not", "noone": "nobody", "gonna": "going to", "wanna": "want to",
}  # fmt: skip
_JOIN = {
    ("time", "out"): "timeout", ("time", "outs"): "timeouts", ("times", "out"): "timeout",
    ("timed", "out"): "timeout", ("timing", "out"): "timeout",
    ("keep", "alive"): "keepalive", ("keep", "alives"): "keepalive",
    ("kube", "proxy"): "kubeproxy", ("net", "filter"): "netfilter",
    ("conn", "track"): "conntrack", ("connection", "track"): "conntrack",
    ("connection", "tracking"): "conntrack", ("connections", "tracking"): "conntrack",
    ("ip", "tables"): "iptables", ("ip", "table"): "iptables", ("nf", "tables"): "nftables",
    ("side", "car"): "sidecar", ("side", "cars"): "sidecars", ("re", "use"): "reuse",
    ("re", "used"): "reused", ("no", "one"): "nobody", ("no", "1"): "nobody",
    ("name", "space"): "namespace", ("end", "point"): "endpoint", ("roll", "back"): "rollback",
    ("rolled", "back"): "rollback", ("rolling", "back"): "rollback",
    ("time", "wait"): "timewait", ("l", "4"): "l4", ("l", "7"): "l7", ("layer", "4"): "l4",
    ("layer", "7"): "l7", ("level", "4"): "l4", ("level", "7"): "l7", ("layers", "4"): "l4",
    ("x", "tables"): "xtables", ("http", "2"): "http2", ("h", "2"): "http2",
    ("re", "write"): "rewrite",
    ("load", "balances"): "balances", ("load", "balance"): "balance",
    ("load", "balanced"): "balanced", ("load", "balancing"): "balancing",
    ("fall", "back"): "fallback", ("falls", "back"): "fallback", ("fell", "back"): "fallback",
    ("falling", "back"): "fallback", ("over", "loaded"): "overloaded",
    ("over", "load"): "overload", ("brand", "new"): "new", ("already", "open"): "established",
    ("fail", "over"): "failover", ("fails", "over"): "failover", ("failed", "over"): "failover",
    ("failing", "over"): "failover", ("data", "path"): "datapath", ("data", "plane"): "dataplane",
    ("control", "plane"): "controlplane", ("work", "load"): "workload",
    ("half", "open"): "halfopen",
}  # fmt: skip
_IRREGULAR = {
    "sent": "send", "sends": "send", "chose": "choose", "chosen": "choose", "choice": "choose",
    "choices": "choose", "kept": "keep", "went": "go", "goes": "go", "gone": "go",
    "written": "write",
    "wrote": "write", "rewritten": "rewrite", "rewrote": "rewrite", "lost": "lose", "loss": "lose",
    "held": "hold", "found": "find", "got": "get", "gotten": "get", "took": "take",
    "taken": "take", "made": "make", "knew": "know", "known": "know", "fell": "fall",
    "broke": "break", "broken": "break", "began": "begin", "begun": "begin", "stuck": "stick",
    "paid": "pay", "ran": "run", "saw": "see", "seen": "see", "came": "come", "gave": "give",
    "given": "give", "built": "build", "told": "tell", "said": "say", "thrown": "throw",
    "threw": "throw", "forgot": "forget", "forgotten": "forget", "hung": "hang", "met": "meet",
    "spread": "spread", "grew": "grow", "grown": "grow", "left": "leave", "stood": "stand",
    "picked": "pick", "selection": "select", "selected": "select", "decision": "decide",
    "decisions": "decide", "translation": "translate", "translations": "translate",
    "transmitted": "transmit", "retransmits": "retransmit", "retransmission": "retransmit",
    "retransmissions": "retransmit", "retransmitted": "retransmit", "retries": "retry",
    "retried": "retry", "retrying": "retry", "tries": "try", "tried": "try", "died": "die",
    "dying": "die", "dies": "die", "slowed": "slow", "slower": "slow", "slowly": "slow",
    "slowness": "slow", "bigger": "large", "big": "large", "larger": "large", "smaller": "small",
    "smallest": "small", "largest": "large", "fewer": "few", "longer": "long", "closed": "close",
    "closing": "close", "closes": "close", "closure": "close", "losing": "lose", "loses": "lose",
    "identical": "same", "replied": "reply", "replies": "reply", "proxies": "proxy",
    "proxied": "proxy", "routed": "route", "routing": "route", "queries": "query",
    "queried": "query", "policies": "policy", "entries": "entry", "copies": "copy",
    "memories": "memory", "addresses": "address", "binding": "bind", "bound": "bind",
    "shorter": "short", "shortened": "shorten", "multiplexing": "multiplex",
    "establishment": "establish", "evicts": "evict", "eviction": "evict", "unaware": "unaware",
    "balancer": "balancer", "balancers": "balancer", "newly": "new", "newer": "new",
    "randomly": "random", "equally": "equal", "evenly": "even", "immediately": "immediate",
    "instantly": "instant", "sequentially": "sequential", "linearly": "linear",
}  # fmt: skip

_TOKEN: Final = re.compile(
    r"[a-z]+(?:'[a-z]+)?\d*x?|\d+(?:[.,]\d+)*x?|->|=>|<-|→|⇒|[=<>×%&#]|[.,;:!?()\[\]\n]|-{2,}|(?<=\s)-(?=\s)"
)
PUNCTUATION: Final = frozenset(".,;:!?()[]\n-") | {"--", "---"}
RELATIONS: Final = frozenset({"->", "=>", "<-", "→", "⇒", "=", "<", ">", "×"})


@dataclass(frozen=True)
class Word:
    """A word or a sign: its comparable form, what was written, and where."""

    stem: str
    written: str
    start: int
    end: int


def words(text: str, vocabulary: frozenset[str] = frozenset()) -> list[Word]:
    """Split a text into comparable words and signs.

    Parameters
    ----------
    text : str
        Any text; what stands after `MAX_CHARS` is not read.
    vocabulary : frozenset of str
        Words (folded, not stemmed) toward which typing errors are mended.
    """
    folded, places = _fold(text[:MAX_CHARS])
    raw = []
    strange: set[str] = set()
    for match in _TOKEN.finditer(folded):
        start, end = places[match.start()], places[match.end() - 1] + 1
        written = match.group()
        # A line break is a sign of its own, and `split` would lose it.
        pieces = [written] if written == "\n" else _SPLIT.get(written, written).split()
        for piece in pieces:
            if vocabulary and _is_strange(piece, vocabulary):
                strange.add(piece)
                # A text of nothing but strange words is not mistyped.
                piece = _mended(piece, vocabulary) if len(strange) <= MOST_MENDED else piece
            raw.append((piece, start, end))
    found: list[Word] = []
    index = 0
    while index < len(raw):
        written, start, end = raw[index]
        if index + 1 < len(raw):
            pair = (_joinable(written), _joinable(raw[index + 1][0]))
            joined = _JOIN.get(pair)
            if joined:
                written, end = joined, raw[index + 1][2]
                index += 1
        found.append(Word(stem(written), written, start, end))
        index += 1
    return found


def _joinable(word: str) -> str:
    word = word.removesuffix("'s")
    return _DIGITS.get(word, word)


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The comparable form of one folded word."""
    if not word[0].isalpha():
        return word.replace(",", "") if word[0].isdigit() else word
    if word in _DIGITS:
        return _DIGITS[word]
    word = word.removesuffix("'s")
    word = _IRREGULAR.get(word, word)
    word = re.sub(r"(?<=[a-z]{3})is(e[sd]?|ing|ation|ations)$", r"iz\1", word)
    word = re.sub(r"(?<=[a-z]{2})our(s|ed|ing)?$", r"or\1", word)
    return str(_stemmer().stemWord(word))


def _is_strange(word: str, vocabulary: frozenset[str]) -> bool:
    return len(word) >= 4 and word.isalpha() and word not in vocabulary and not _known(word)


@lru_cache(maxsize=50_000)
def _mended(word: str, vocabulary: frozenset[str]) -> str:
    from rapidfuzz.distance import OSA

    allowed = 1 if len(word) < 8 else 2
    best, distance = word, allowed + 1
    for other in _by_length(vocabulary, len(word), allowed):
        # The first letter is seldom wrong, but two may have changed places.
        if other[0] not in word[:2]:
            continue
        here = OSA.distance(word, other, score_cutoff=allowed)
        if here < distance or (here == distance and other < best):
            best, distance = other, here
    return best if distance <= allowed else word


@cache
def _by_length(vocabulary: frozenset[str], length: int, slack: int) -> tuple[str, ...]:
    return tuple(sorted(w for w in vocabulary if abs(len(w) - length) <= slack and len(w) > 3))


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")


@cache
def _dictionary() -> Any:
    from spellchecker import SpellChecker

    return SpellChecker()


@lru_cache(maxsize=50_000)
def _known(word: str) -> bool:
    return word in _SPLIT or word in _IRREGULAR or bool(_dictionary().known([word]))


def vocabulary_of(texts: Iterable[str]) -> frozenset[str]:
    """The words of some texts, folded, as a target for typing errors."""
    found = set()
    for text in texts:
        folded, _ = _fold(text)
        found |= {word for word in re.findall(r"[a-z]+", folded) if len(word) > 3}
    return frozenset(found)


def _fold(text: str) -> tuple[str, list[int]]:
    """Fold case, width, accents and typographic signs; keep each character's place."""
    pieces: list[str] = []
    places: list[int] = []
    for place, sign in enumerate(text):
        plain = _plain(sign)
        if plain == "_":
            plain = " "
        before = text[place - 1] if place else ""
        # CamelCase is two words; "gRPC" and "eBPF" are one.
        if sign.isupper() and before.islower() and place > 1 and text[place - 2].isalpha():
            pieces.append(" ")
            places.append(place)
        for one in plain:
            pieces.append(one)
            places.append(place)
    return "".join(pieces), places


_SIGNS = {"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "–": " - ", "—": " - ", "−": " - ",
          "\u2026": ".", "\t": " ", "\r": "\n", "•": "\n"}  # fmt: skip


@cache
def _plain(sign: str) -> str:
    if sign in _SIGNS:
        return _SIGNS[sign]
    if sign == "\n" or (sign.isascii() and sign.isprintable()):
        return sign.casefold()
    if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Mn", "Co", "Cn"):
        return ""
    decomposed = unicodedata.normalize("NFKD", sign).casefold()
    return "".join(one for one in decomposed if unicodedata.category(one) != "Mn")
