"""Where everything stands: constants of the small world, and its pods without addresses."""

import hashlib
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from k8snet_lessons.incidents.world import World

NODES: Final = 6
ZONES: Final = ("eu-west-1a", "eu-west-1b", "eu-west-1c")
CPUS: Final = 8
EDGE_PORT, NODE_PORT, CHECKOUT_PORT, LEDGER_PORT = 8443, 30443, 8080, 9090
VXLAN_PORT: Final = 4789
UNDERLAY_MTU: Final = 9000
BANK_NAME, BANK_ADDRESS = "api.bank.example", "203.0.113.80"
#: What the manifests say on a healthy day.
USUAL_NDOTS, USUAL_DNS_LIMIT_M = 2, 400
#: So long before the page the trouble began.
BEGAN_S: Final = 40 * 60
HOST: Final = "shop.example.com"
BALANCER: Final = "198.51.100.10"
#: The node, by place, that stands a little apart: no edge, name server or ledger pod runs there.
APART: Final = 2
_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"  # k8s.io/apimachinery util/rand: no vowels
CLOUD_SEARCH: Final = "eu-west-1.compute.internal"


def planned_pods(world: "World") -> list[tuple[str, str, str, int, int]]:
    """Application, namespace, name, place and age of every pod; addresses come later."""
    edge = tuple(range(NODES)) if world.edge_everywhere else (5, 4, 3)
    ledger = [(0, 1, 5, 4)[number % 4] for number in range(world.ledger_pods)]
    layout = (
        ("edge-proxy", "edge", edge),
        ("checkout", "shop", [number % NODES for number in range(world.checkout_pods)]),
        ("ledger", "shop", ledger),
        ("coredns", "kube-system", [(0, 1, 4, 5)[n % 4] for n in range(world.coredns_pods)]),
    )  # fmt: skip
    made = []
    for app, space, places in layout:
        for number, place in enumerate(places):
            template = _letters(f"{world.seed}/{app}/template/{_version(world, app, number)}", 9)
            suffix = _letters(f"{world.seed}/{app}/{number}", 5)
            name = f"{app}-{template}-{suffix}"
            made.append((app, space, name, place, _age_s(world, app, number)))
    return made


def former_template(world: "World", app: str) -> str:
    """The template hash that an application's pods had before their last rollout."""
    return _letters(f"{world.seed}/{app}/template/old", 9)


def _version(world: "World", app: str, number: int) -> str:
    """Which template a pod was made from: a changed template means new pods, of another name."""
    if app == "ledger" and world.ledger_ageless:
        return "old" if number < world.ledger_ageless else "new"
    if (app == "checkout" and world.ndots != USUAL_NDOTS) or (
        app == "coredns" and world.coredns_limit_m != USUAL_DNS_LIMIT_M
    ):
        return "new"
    return "old"


def _age_s(world: "World", app: str, number: int) -> int:
    days = {"edge-proxy": 9, "checkout": 6, "ledger": 6, "coredns": 41}[app]
    age_s = days * 86_400 + Random(f"{world.seed}/{app}/age").randrange(80_000)
    if _version(world, app, number) == "new":
        return BEGAN_S + (35 * 60 if app == "ledger" else 75)
    if app == "ledger" and number >= world.ledger_pods_at_dial:
        return BEGAN_S + 420
    return age_s


def _letters(text: str, count: int) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_SUFFIX[byte % len(_SUFFIX)] for byte in digest[:count])
