"""Exercise of lesson 7: read a policy, count what a dash changes, write one that is exact."""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from k8snet_lessons.assess.answers import TODO, type_name
from k8snet_lessons.assess.exercise import Assignment
from k8snet_lessons.assess.task import UNANSWERED, Field, Given, Slip, Task, asking
from k8snet_lessons.assess.verdict import Part
from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.datapath.policy import policy_verdict, reachability, with_policies
from k8snet_lessons.errors import InputError

_LONGEST_ANSWER: Final = 20_000


def _world(pods: dict[str, str]) -> Cluster:
    """A cluster from ``{"namespace/pod": value of the label app}``; addresses in order."""
    parts = [
        f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, "
        f"labels: {{kubernetes.io/metadata.name: {name}}}}}"
        for name in sorted({pod.split("/")[0] for pod in pods})
    ]
    for number, (pod, app) in enumerate(pods.items(), start=10):
        namespace, name = pod.split("/")
        parts.append(
            f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, "
            f"labels: {{app: {app}}}}}\nspec: {{nodeName: node-1, "
            "containers: [{name: main, image: example.invalid/main}]}\n"
            f"status: {{podIP: 10.244.0.{number}, podIPs: [{{ip: 10.244.0.{number}}}]}}"
        )
    return load_manifests("\n---\n".join(parts))


def _ingress(home: str, app: str, peers: str, port: int) -> str:
    return f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: guard
  namespace: {home}
spec:
  podSelector:
    matchLabels:
      app: {app}
  policyTypes: [Ingress]
  ingress:
  - from:
{peers}
    ports:
    - protocol: TCP
      port: {port}
"""


# --- who gets in ---------------------------------------------------------------------------

_SAID: Final = ("allowed", "refused")


def _draw_read(rng: Random) -> dict[str, Any]:
    home, edge = rng.choice((("shop", "edge"), ("billing", "gateways"), ("orders", "ingress")))
    port = rng.choice((8080, 8443, 9000))
    return {"home": home, "edge": edge, "port": port, "other_port": port + rng.choice((1, 10))}


def _read_cluster(given: Given) -> Cluster:
    home, edge = given["home"], given["edge"]
    world = _world({f"{home}/ledger": "ledger", f"{home}/web": "gateway",
                    f"{edge}/proxy": "gateway", f"{home}/batch": "batch"})  # fmt: skip
    return with_policies(world, _read_policy(given))


def _read_policy(given: Given) -> str:
    peers = "    - podSelector:\n        matchLabels:\n          app: gateway"
    return _ingress(given["home"], "ledger", peers, given["port"])


def _asked(given: Given, src: str, dst: str, port: int) -> str:
    return _SAID[0] if policy_verdict(_read_cluster(given), src, dst, port) else _SAID[1]


def _opposite(expected: Callable[[Given], str]) -> Callable[[Given], str]:
    return lambda given: _SAID[1] if expected(given) == _SAID[0] else _SAID[0]


def _prompt_read(given: Given) -> str:
    home, edge = given["home"], given["edge"]
    return f"""Four pods: `{home}/ledger` (`app: ledger`), `{home}/web` (`app: gateway`),
`{home}/batch` (`app: batch`) and `{edge}/proxy` (`app: gateway`). One policy:

```yaml
{_read_policy(given)}```

Say `"allowed"` or `"refused"` for a new TCP connection:

- `"proxy"`: from `{edge}/proxy` to `{home}/ledger`, port {given["port"]};
- `"web"`: from `{home}/web` to `{home}/ledger`, port {given["port"]};
- `"web_other_port"`: from `{home}/web` to `{home}/ledger`, port {given["other_port"]};
- `"out"`: from `{home}/ledger` to `{edge}/proxy`, port {given["port"]}."""


def _verdict_field(
    name: str, expected: Callable[[Given], str], misconception: str, message: str
) -> Field:
    slip = Slip(misconception, _opposite(expected), message)
    return Field(name, 1, expected, (slip,), "Say allowed or refused.", choices=_SAID)


READ = asking(
    name="read",
    title="Who gets in?",
    draw=_draw_read,
    prompt=_prompt_read,
    asked=(
        _verdict_field(
            "proxy",
            lambda g: _asked(g, f"{g['edge']}/proxy", f"{g['home']}/ledger", g["port"]),
            "pod-selector-searches-all-namespaces",
            "The label matches. In which namespace does this peer look for it?",
        ),
        _verdict_field(
            "web",
            lambda g: _asked(g, f"{g['home']}/web", f"{g['home']}/ledger", g["port"]),
            "isolation-refuses-everybody",
            "The pod is isolated, but is there a rule that this connection meets?",
        ),
        _verdict_field(
            "web_other_port",
            lambda g: _asked(g, f"{g['home']}/web", f"{g['home']}/ledger", g["other_port"]),
            "peer-alone-suffices",
            "A rule has to match in its peers and in its ports.",
        ),
        _verdict_field(
            "out",
            lambda g: _asked(g, f"{g['home']}/ledger", f"{g['edge']}/proxy", g["port"]),
            "ingress-isolates-both-ways",
            "For which direction does the policy isolate the pods that it selects?",
        ),
    ),
    debrief="A peer's podSelector looks into the policy's own namespace. A gateway in a "
    "namespace of its own is shut out, though it has the label.",
    hints=(
        "`policy_verdict(cluster, src, dst, port).because` names the rule and why it missed.",
        "Each direction is judged apart, at the pod that it isolates.",
    ),
)

# --- one dash ------------------------------------------------------------------------------


def _draw_dash(rng: Random) -> dict[str, Any]:
    labeled_home = rng.randint(2, 3)
    labeled_edge = rng.randint(4, 5)
    return {
        "labeled_home": labeled_home,
        "labeled_edge": labeled_edge,
        "plain_edge": rng.randint(6, 8),
        "labeled_other": rng.randint(9, 12),
        "plain_home": rng.randint(2, 5),
    }


def _dash_cluster(given: Given) -> Cluster:
    pods = {"home/target": "target"}
    for place in ("home", "edge", "other"):
        for app, kind in (("gateway", "labeled"), ("plain", "plain")):
            count = given.get(f"{kind}_{place}", 0)
            pods |= {f"{place}/{kind}-{n}": app for n in range(count)}
    return _world(pods)


_EDGE: Final = "    - namespaceSelector:\n        matchLabels:\n" \
    "          kubernetes.io/metadata.name: edge\n"  # fmt: skip
_TWO: Final = _EDGE + "    - podSelector:\n        matchLabels:\n          app: gateway"
_ONE: Final = _EDGE + "      podSelector:\n        matchLabels:\n          app: gateway"


def _let_in(given: Given, peers: str) -> int:
    cluster = with_policies(_dash_cluster(given), _ingress("home", "target", peers, 8080))
    return sum(dst == "home/target" for _, dst in reachability(cluster, 8080).pairs())


def _prompt_dash(given: Given) -> str:
    return f"""Pods besides `home/target`:

| namespace | with `app: gateway` | with another label |
|---|---|---|
| `home` | {given["labeled_home"]} | {given["plain_home"]} |
| `edge` | {given["labeled_edge"]} | {given["plain_edge"]} |
| `other` | {given["labeled_other"]} | 0 |

The only policy is in `home`, selects `home/target` for ingress and has one rule, TCP 8080. How
many of these pods may connect to `home/target` on TCP 8080,

- `"two_items"`: with this peer list

```yaml
{_TWO}
```

- `"one_item"`: and with this one?

```yaml
{_ONE}
```"""


DASH = asking(
    name="dash",
    title="What a dash changes",
    draw=_draw_dash,
    prompt=_prompt_dash,
    asked=(
        Field(
            "two_items",
            2,
            lambda given: _let_in(given, _TWO),
            (
                Slip(
                    "two-items-are-and",
                    lambda given: given["labeled_edge"],
                    "Each dash starts an alternative. Who meets the first, and who the second?",
                ),
                Slip(
                    "pod-selector-searches-all-namespaces",
                    lambda given: given["labeled_edge"] + given["plain_edge"]
                    + given["labeled_home"] + given["labeled_other"],
                    "The second item has no namespaceSelector. Where does it look?",
                ),
                Slip(
                    "namespace-selector-alone-wants-labels",
                    lambda given: given["labeled_edge"] + given["labeled_home"],
                    "The first item says nothing of pods. Which of the namespace's does it take?",
                ),
            ),
            "Count those who meet the first item, then those who meet the second.",
            rel_tol=1e-9,
        ),
        Field(
            "one_item",
            2,
            lambda given: _let_in(given, _ONE),
            (
                Slip(
                    "one-item-is-or",
                    lambda given: given["labeled_edge"] + given["plain_edge"]
                    + given["labeled_home"],
                    "Both selectors stand in one item. Must one of them hold, or both?",
                ),
                Slip(
                    "own-namespace-is-always-searched",
                    lambda given: given["labeled_edge"] + given["labeled_home"],
                    "With a namespaceSelector, the policy's own namespace has to match it too.",
                ),
            ),
            "Which pods meet both selectors at once?",
            rel_tol=1e-9,
        ),
    ),
    debrief="Items are alternatives; what stands in one item must hold together.",
    hints=("Count the dashes under `from`.", "Where does a podSelector alone look?"),
)  # fmt: skip

# --- exactly this --------------------------------------------------------------------------

_PODS: Final = {"pay/api": "payment", "pay/ledger": "ledger", "pay/report": "report",
                "edge/proxy": "gateway", "edge/debug": "debug", "test/proxy": "gateway",
                "kube-system/dns": "dns"}  # fmt: skip
_DNS: Final = (("UDP", 53), ("TCP", 53))
Tried = frozenset[tuple[str, str, int, str]]


def _draw_exact(rng: Random) -> dict[str, Any]:
    return {"port": rng.choice((8080, 8443, 9000)), "db_port": rng.choice((5432, 3306, 6432))}


def _wanted(given: Given) -> Tried:
    asked = {
        ("edge/proxy", "pay/api", given["port"], "TCP"),
        ("pay/api", "pay/ledger", given["db_port"], "TCP"),
    }
    return frozenset(asked | {("pay/api", "kube-system/dns", n, p) for p, n in _DNS})


def _possible(given: Given, policies: str) -> Tried:
    """Everything that may connect on the ports in question and on one that nobody named."""
    cluster = with_policies(_world(_PODS), policies)
    tried = (("TCP", given["port"]), ("TCP", given["db_port"]), *_DNS, ("TCP", 7777))
    return frozenset(
        (src, dst, port, protocol)
        for protocol, port in tried
        for src, dst in reachability(cluster, port, protocol).pairs()
    )


def _prompt_exact(given: Given) -> str:
    pods = ", ".join(f"`{pod}` (`app: {app}`)" for pod, app in _PODS.items())
    return f"""Pods: {pods}. Each namespace has the label `kubernetes.io/metadata.name`.

Write the policies, as one text of YAML (several documents are parted by `---`), so that the pod
`pay/api`

- accepts TCP {given["port"]} from `edge/proxy`, and nothing else from any other pod;
- opens TCP {given["db_port"]} to `pay/ledger` and DNS (UDP **and** TCP 53) to `kube-system/dns`,
  and nothing else to any other pod;
- and so that **every other pair of pods** can do all that it could without policies.

More than one text is right: one policy or several, by labels of your choice. The model tries
every pair of pods on these ports and on one more."""


def _judge_exact(given: Given, answer: Any) -> tuple[Part, ...]:
    if answer is TODO:
        return (Part("exact", 0, 5, UNANSWERED, attempted=False),)
    if type(answer) is not str:
        return (Part("exact", 0, 5, f"The answer is {type_name(answer)}; a text is asked for."),)
    if len(answer) > _LONGEST_ANSWER:
        return (Part("exact", 0, 5, "The text is too long for a few policies."),)
    try:
        now = _possible(given, answer)
    except InputError as error:
        return (Part("exact", 0, 5, f"The API server would refuse it: {error}."),)
    before, wanted = _possible(given, ""), _wanted(given)
    if now == before:
        return (Part("exact", 0, 5, "These policies isolate nobody: all is as before.",
                     "nothing-is-isolated"),)  # fmt: skip
    return _parts(before, now, wanted)


def _parts(before: Tried, now: Tried, wanted: Tried) -> tuple[Part, ...]:
    missing = sorted(wanted - now)
    surplus = sorted(each for each in now - wanted if "pay/api" in each[:2])
    harmed = sorted(each for each in before - now if "pay/api" not in each[:2])
    shut_out = any(each[0] == "edge/proxy" for each in missing)
    forgot_dns = bool(missing) and all(each[2] == 53 for each in missing)
    return (
        Part("needed", 0 if missing else 2, 2,
             f"Cannot connect, and should: {_show(missing)}" if missing else "Right.",
             "dns-is-forgotten" if forgot_dns else
             "pod-selector-searches-all-namespaces" if shut_out else ""),
        Part("nothing else", 0 if surplus or missing else 2, 2,
             f"Can connect, and should not: {_show(surplus)}" if surplus else
             "This counts once all that is needed works." if missing else "Right.",
             "too-wide" if surplus else ""),
        Part("bystanders", 0 if harmed or missing else 1, 1,
             f"Could connect without policies, and cannot now: {_show(harmed)}" if harmed else
             "This counts once all that is needed works." if missing else "Right.",
             "selects-too-many" if harmed else ""),
    )  # fmt: skip


def _show(flows: list[tuple[str, str, int, str]]) -> str:
    src, dst, port, protocol = flows[0]
    more = f", and {len(flows) - 1} more" if len(flows) > 1 else ""
    return f"{src} to {dst}, {protocol} {port}{more}."


def exact_policy(given: Given, source: str, dns: bool = True, selector: str = "") -> str:
    """A policy for the third task, from the peers that it admits and what it forgets."""
    names = """
  - to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
      podSelector:
        matchLabels: {app: dns}
    ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}""" if dns else ""  # fmt: skip
    return f"""apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: exact, namespace: pay}}
spec:
  podSelector: {{{selector or "matchLabels: {app: payment}"}}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
{source}
    ports:
    - {{protocol: TCP, port: {given["port"]}}}
  egress:
  - to:
    - podSelector:
        matchLabels: {{app: ledger}}
    ports:
    - {{protocol: TCP, port: {given["db_port"]}}}{names}
"""


_GATEWAY: Final = "podSelector:\n        matchLabels: {app: gateway}"
_TOO_MANY: Final = "matchExpressions: [{key: app, operator: NotIn, values: [ledger]}]"
_FROM_EDGE: Final = "namespaceSelector:\n        matchLabels: {kubernetes.io/metadata.name: edge}"

EXACT = Task(
    name="exact",
    title="Exactly this, and nothing more",
    draw=_draw_exact,
    prompt=_prompt_exact,
    max_points=5,
    judge_plain=_judge_exact,
    debrief="Exact takes three things: both selectors in one item, an egress rule for DNS, and a "
    "selector under spec that isolates one pod and no bystander.",
    wrong=(
        Slip(
            "pod-selector-searches-all-namespaces",
            lambda given: exact_policy(given, f"    - {_GATEWAY}"),
            "Cannot connect, and should: edge/proxy",
        ),
        Slip(
            "dns-is-forgotten",
            lambda given: exact_policy(given, f"    - {_FROM_EDGE}\n      {_GATEWAY}", dns=False),
            "Cannot connect, and should: pay/api to kube-system/dns",
        ),
        Slip(
            "too-wide",
            lambda given: exact_policy(given, f"    - {_FROM_EDGE}\n    - {_GATEWAY}"),
            "Can connect, and should not",
        ),
        Slip(
            "selects-too-many",
            lambda given: exact_policy(
                given, f"    - {_FROM_EDGE}\n      {_GATEWAY}", selector=_TOO_MANY
            ),
            "Could connect without policies",
        ),
        Slip("nothing-is-isolated", lambda given: "", "isolate nobody"),
    ),
    hints=(
        "`with_policies(cluster, text)` and `policy_verdict(...).because` tell which rule missed.",
        "Three pods could be taken for the proxy. Which selectors part it from the other two?",
    ),
)

ASSIGNMENT = Assignment("07-network-policy", (READ, DASH, EXACT))
