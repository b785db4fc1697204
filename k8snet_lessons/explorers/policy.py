"""The explorer of lesson 7: a small world, a set of policies, and who still reaches whom."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

from k8snet_lessons.cluster import Cluster, load_manifests
from k8snet_lessons.course.manifests import manifest
from k8snet_lessons.datapath.policy import (
    Reachability,
    Verdict,
    policy_verdict,
    reachability,
    with_policies,
)
from k8snet_lessons.explorers._knob import Knob
from k8snet_lessons.explorers._view import Number, Panel, Prediction, Row, View
from k8snet_lessons.explorers._widget import Explorer
from k8snet_lessons.figures import policy as figures

PAYMENT: Final = "production/payment"
PODS: Final = (
    "ingress-nginx/controller",
    "kube-system/coredns",
    "monitoring/prometheus",
    "production/gateway",
    "production/orders",
    "production/payment",
    "staging/gateway",
)
_RULES: Final = {
    "none": "none",
    "policy-seed": "podSelector only",
    "policy-two-items": "namespaceSelector, podSelector: two items",
    "policy-one-item": "namespaceSelector and podSelector: one item",
    "policy-any-namespace": "podSelector in any namespace",
}
_PORTS: Final = {"TCP 8080": (8080, "TCP"), "UDP 53": (53, "UDP")}


def policy_world(*policies: str) -> Cluster:
    """The lesson's cluster under some of the course's policy manifests, named without ending.

    Examples
    --------
    >>> len(policy_world().pods), list(policy_world("policy-seed").network_policies)
    (7, ['production/restrict-payment-access'])
    """
    return with_policies(_bare(), "\n---\n".join(manifest(name) for name in policies))


@cache
def _bare() -> Cluster:
    return load_manifests(manifest("policy-world"))


def who_reaches_whom() -> Explorer:
    """Return the explorer: policies against the reachability of every pair of pods."""
    knobs = [
        Knob("rules", "Who may reach payment", "none", kind="choice", choices=_RULES,
             help="the from: list of the policy that selects production/payment"),
        Knob("deny_ingress", "production: deny all ingress", False, kind="toggle",
             help="a policy that selects every pod and has no rule"),
        Knob("deny_egress", "production: deny all egress", False, kind="toggle"),
        Knob("allow_dns", "production: allow DNS out", False, kind="toggle",
             help="itself an egress policy, so it isolates too"),
        Knob("port", "Port", "TCP 8080", kind="choice", choices=tuple(_PORTS)),
        Knob("src", "From", PODS[0], kind="choice", choices=PODS),
        Knob("dst", "To", PAYMENT, kind="choice", choices=PODS),
    ]  # fmt: skip
    guess = Prediction(
        "With the policy above (podSelector only), how many of the six other pods can still "
        "connect to production/payment on TCP 8080?",
        "pods",
        lambda view: view.number("pods that reach payment"),
        settings={"rules": "policy-seed"},
        minimum=None,  # zero is a fair guess
        panel=1,
        axis="x",
    )
    return Explorer(
        "Who reaches whom",
        knobs,
        view,
        presets={
            "the policy above": {"rules": "policy-seed"},
            "one dash too many": {"rules": "policy-two-items"},
            "repaired": {"rules": "policy-one-item"},
            "the label in any namespace": {"rules": "policy-any-namespace", "src": PODS[6]},
            "DNS forgotten": {
                "rules": "policy-one-item", "deny_egress": True, "port": "UDP 53",
                "src": PAYMENT, "dst": PODS[1],
            },
        },
        prediction=guess,
        still="who-reaches-whom",
        lesson=7,
    )  # fmt: skip


def view(settings: Mapping[str, Any], *, requests: int) -> View:
    """What the explorer shows at a setting. Verdicts: nothing is drawn at random."""
    names = _names(settings)
    cluster = policy_world(*names)
    port, protocol = _PORTS[settings["port"]]
    found = reachability(cluster, port, protocol)
    src, dst = settings["src"], settings["dst"]
    verdict = policy_verdict(cluster, src, dst, port, protocol)
    into = sum(1 for _, end in found.pairs() if end == PAYMENT)
    count = len(found.pods)
    pairs = count * (count - 1)
    return View(
        headline=f"{src} to {dst}, {settings['port']}: {_said(verdict)}",
        panels=(
            Panel(
                f"Every pair of pods, {settings['port']}",
                figures.heat_map(found, (src, dst)),
                f"{len(found.pairs())} of {pairs} pairs are allowed.",
                "tall",
            ),
            Panel(
                "Other pods that reach each pod",
                figures.visitors(found, PAYMENT),
                f"{into} other pods reach {PAYMENT}.",
            ),
        ),
        numbers=(
            Number("pods that reach payment", into, "pods", main=True, lower_is_better=None),
            Number("allowed pairs", len(found.pairs()), f"of {pairs}", lower_is_better=None),
            Number("pods isolated for ingress", int(found.isolated_ingress.sum()), "pods",
                   lower_is_better=None),
            Number("pods isolated for egress", int(found.isolated_egress.sum()), "pods",
                   lower_is_better=None),
        ),
        notes=(
            "Verdicts are about policy only: an allowed cell does not say that anything listens "
            "on the port.",
            "A pod always reaches itself; the diagonal is left blank.",
        ),
        code=(
            "from k8snet_lessons.datapath import policy_verdict\n"
            "from k8snet_lessons.explorers.policy import policy_world\n\n"
            f"cluster = policy_world({', '.join(map(repr, names))})\n"
            f"policy_verdict(cluster, {src!r}, {dst!r}, {port}, {protocol!r}).because"
        ),
        csv=lambda: _rows(found),
    )  # fmt: skip


def _names(settings: Mapping[str, Any]) -> list[str]:
    names = [] if settings["rules"] == "none" else [settings["rules"]]
    switches = ("deny_ingress", "deny_egress", "allow_dns")
    return names + [f"policy-{s.replace('_', '-')}" for s in switches if settings[s]]


def _said(verdict: Verdict) -> str:
    why = verdict.because[0].upper() + verdict.because[1:]
    return f"{'allowed' if verdict else 'refused'}. {why}."


def _rows(found: Reachability) -> Iterable[Row]:
    for i, src in enumerate(found.pods):
        for j, dst in enumerate(found.pods):
            yield {
                "source": src,
                "destination": dst,
                "port": found.port,
                "protocol": found.protocol,
                "egress": bool(found.egress[i, j]),
                "ingress": bool(found.ingress[i, j]),
                "allowed": bool(found.allowed[i, j]),
            }
