"""What "prove it" asks for: a number or a word that a model of the course gives.

Each proof has the lines of Python that show it, and the answer is computed by the same
models when it is judged.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from k8snet_lessons.errors import InputError

#: Numbers in an answer to "prove it" before it is a list and not an answer.
MOST_NUMBERS: Final = 6


@dataclass(frozen=True)
class Proof:
    """A claim that a model can show.

    Parameters
    ----------
    expected : callable
        Without arguments, to the right answer: a number or a word.
    unit : str
    code : str
        Python that shows it, for the learner to run.
    tolerance : float
        Relative, for numbers.
    why : str
        One sentence, shown with the answer.
    """

    expected: Callable[[], float | str]
    unit: str
    code: str
    why: str
    tolerance: float = 0.02


@dataclass(frozen=True)
class Proved:
    """How an answer to "prove it" was judged."""

    right: bool
    text: str


def _ends() -> float:
    from k8snet_lessons.cluster.synthetic import synthetic_cluster
    from k8snet_lessons.control import program
    from k8snet_lessons.datapath import Packet, trace

    cluster = synthetic_cluster(services=1, endpoints=3)
    service = next(iter(cluster.services.values()))
    port = service.spec.ports[0].port
    packet = Packet(src="10.128.0.9", dst=service.spec.clusterIP, dport=port)
    outcomes = trace(program(cluster), packet, origin="pod").outcomes
    chances: dict[str, float] = {}
    for outcome in outcomes:
        where = outcome.packet.destination
        chances[where] = chances.get(where, 0.0) + float(outcome.probability)
    return min(chances.values())


def _walk_us() -> float:
    from k8snet_lessons.control.scale import first_packet_us

    return float(first_packet_us("iptables", 10_000) - first_packet_us("nftables", 10_000))


def _queries() -> str:
    return "2 queries"


def _room_s() -> float:
    from k8snet_lessons.course.numbers import compute

    drawn = {"usual_per_s": 800, "burst_per_s": 2_400, "limit": 131_072}
    return compute("conntrack seconds to full", drawn)


def _gateways() -> float:
    from k8snet_lessons.cluster import load_manifests
    from k8snet_lessons.course.manifests import manifest
    from k8snet_lessons.datapath.policy import policy_verdict

    world = load_manifests(manifest("policy-world") + "\n---\n" + manifest("policy-seed"))
    pods = ("production/gateway", "staging/gateway", "ingress-nginx/controller")
    return float(sum(policy_verdict(world, p, "production/payment", 8080).allowed for p in pods))


def _least_endpoints() -> float:
    from k8snet_lessons.control import allocate_hints

    for count in range(1, 20):
        spread = {zone: len(range(index, count, 3)) for index, zone in enumerate("abc")}
        if allocate_hints(["a", "b", "c"], [1, 1, 1], spread).by_zone:
            return float(count)
    raise InputError("endpoints", 20, "a number that yields hints")


def _pod_mtu() -> float:
    from k8snet_lessons.datapath.cni import pod_mtu_bytes

    return float(pod_mtu_bytes("vxlan", 1_500))


PROOFS: Final[Mapping[str, Proof]] = {
    "trace to a pod": Proof(
        _ends,
        "for each of them",
        "from k8snet_lessons.cluster.synthetic import synthetic_cluster\n"
        "from k8snet_lessons.control import program\n"
        "from k8snet_lessons.datapath import Packet, trace\n\n"
        "cluster = synthetic_cluster(services=1, endpoints=3)\n"
        "service = next(iter(cluster.services.values()))\n"
        "print(trace(program(cluster), Packet(src='10.128.0.9', dst=service.spec.clusterIP,\n"
        "                                     dport=service.spec.ports[0].port), origin='pod'))",
        "Three ends, and one third for each: 1/3, then 1/2 of the rest, then what is left.",
    ),
    "first packet cost": Proof(
        _walk_us,
        "µs",
        "from k8snet_lessons.control.scale import first_packet_us\n\n"
        "first_packet_us('iptables', 10_000) - first_packet_us('nftables', 10_000)",
        "Measured on one machine; the shape is what travels.",
        tolerance=0.1,
    ),
    "idle pods": Proof(
        lambda: 20 - 2,
        "pods",
        "20 - 2",
        "The ten channels stay on the two pods that there were.",
    ),
    "count the queries": Proof(
        _queries,
        "",
        "from k8snet_lessons.dns import pod_resolv_conf, queries\n\n"
        "conf = pod_resolv_conf(namespace='shop',\n"
        "                       dns_config={'options': [{'name': 'ndots', 'value': '2'}]}).text\n"
        "queries('api.stripe.com', conf, 'glibc',\n"
        "        answers={('api.stripe.com', 'A'): ['203.0.113.7']})",
        "With two dots and ndots 2 or 1 the name comes first: A and AAAA, and that is all.",
    ),
    "seconds of room": Proof(
        _room_s,
        "s",
        "(131_072 - 800 * 120) / (2_400 - 800)",
        "96,000 entries are there on a usual day; the rest fills at 1,600 a second.",
        tolerance=0.05,
    ),
    "who gets in": Proof(
        _gateways,
        "pods",
        "from k8snet_lessons.explorers.policy import policy_world\n"
        "from k8snet_lessons.datapath import policy_verdict\n\n"
        "for pod in ('production/gateway', 'staging/gateway', 'ingress-nginx/controller'):\n"
        "    print(pod, policy_verdict(policy_world('policy-seed'), pod,\n"
        "                              'production/payment', 8080).allowed)",
        "Only the pod in the policy's own namespace.",
    ),
    "hints or none": Proof(
        _least_endpoints,
        "endpoints",
        "from k8snet_lessons.control import allocate_hints\n\n"
        "for n in range(1, 13):\n"
        "    spread = {'a': (n + 2) // 3, 'b': (n + 1) // 3, 'c': n // 3}\n"
        "    print(n, allocate_hints(['a', 'b', 'c'], [1, 1, 1], spread).by_zone)",
        "One a zone is enough, and yet four, five and eight yield none: rounding decides.",
    ),
    "which wait": Proof(
        lambda: "syn",
        "",
        "from k8snet_lessons.datapath.nf_conntrack import syn_ladder\n\nsyn_ladder(linear=0)",
        "1, 3 and 7 s are the ladder of a SYN; a lost DNS datagram would show as 5 s.",
    ),
    "pod mtu": Proof(
        _pod_mtu,
        "bytes",
        "from k8snet_lessons.datapath.cni import pod_mtu_bytes\n\npod_mtu_bytes('vxlan', 1_500)",
        "50 bytes go to the outer IP and UDP headers, VXLAN, and the inner Ethernet header.",
        tolerance=0.0001,
    ),
    "wait of a get": Proof(
        lambda: 3 * 15,
        "s",
        "3 * 15",
        "Each try waits its whole read time-out.",
    ),
}


def prove(name: str, answer: str) -> Proved:
    """Judge an answer to "prove it".

    Parameters
    ----------
    name : str
        A proof of `PROOFS`.
    answer : str
        The learner's words; the numbers in them count. A fraction such as 1/3 is read as one.
    """
    if name not in PROOFS:
        raise InputError("proof", name, "one of " + ", ".join(PROOFS))
    proof = PROOFS[name]
    expected = proof.expected()
    if name == "count the queries":
        right, shown = _is_cheap_lookup(answer), "ndots 2 (or 1, where no image uses musl): 2"
    elif isinstance(expected, str):
        right, shown = _named(answer) == {expected}, expected
    else:
        given = _numbers(answer)
        # Whoever lists every number has shown nothing.
        near = any(_near(number, expected, proof) for number in given)
        right, shown = near and len(given) <= MOST_NUMBERS, f"{expected:.4g}"
    told = "Right: the model says " if right else "Wrong: the model says "
    return Proved(right, f"{told}{shown} {proof.unit}".rstrip() + f". {proof.why}")


def _named(answer: str) -> set[str]:
    """The packets that are named and not ruled out: "not dns, but syn" names one."""
    said = re.findall(
        r"(\b(?:not|no|never|than)\b\s+(?:a\s+|the\s+)?)?\b(syn|dns)\b", answer.lower()
    )
    return {name for out, name in said if not out}


def _near(number: float, expected: float, proof: Proof) -> bool:
    return abs(number - expected) <= proof.tolerance * abs(expected)


def _numbers(text: str) -> list[float]:
    found = []
    for over, under, percent in re.findall(
        r"(\d[\d,]{0,12}(?:\.\d{1,12})?)(?:\s*/\s*(\d{1,6}))?\s*(%?)", text[:2_000]
    ):
        number = float(over.replace(",", ""))
        if under and float(under):
            number /= float(under)
        found.append(number / 100 if percent else number)
    return found


def _is_cheap_lookup(answer: str) -> bool:
    """Whether a pair of ndots and queries is what the resolver model says, and is cheap."""
    from k8snet_lessons.dns import pod_resolv_conf, queries

    ndots = re.search(r"ndots\D{0,4}(\d{1,2})", answer.lower())
    sent = re.search(r"(\d{1,2})\s*quer|quer\w*\D{0,4}(\d{1,2})", answer.lower())
    if not ndots or not sent or not 0 <= int(ndots[1]) <= 15:
        return False
    options = {"options": [{"name": "ndots", "value": ndots[1]}]}
    conf = pod_resolv_conf(namespace="shop", dns_config=options).text
    name = "api.stripe.com"
    asked = len(queries(name, conf, "glibc", answers={(name, "A"): ["203.0.113.7"]}))
    return asked == int(sent[1] or sent[2]) == 2
