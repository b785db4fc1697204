"""The explorer of lesson 7 against the verdicts it draws."""

import pytest

from k8snet_lessons.course.manifests import manifest
from k8snet_lessons.datapath.policy import policy_verdict
from k8snet_lessons.explorers.policy import PAYMENT, PODS, policy_world, who_reaches_whom
from k8snet_lessons.figures.policy import OUTCOMES, verdict_table

GATEWAYS = ("ingress-nginx/controller", "production/gateway", "staging/gateway")


def test_the_choices_are_the_pods_of_the_world():
    assert tuple(sorted(policy_world().pods)) == PODS


@pytest.mark.parametrize(
    ("policy", "admitted"),
    [
        ("policy-seed", {"production/gateway"}),
        ("policy-two-items", {"production/gateway", "ingress-nginx/controller"}),
        ("policy-one-item", {"ingress-nginx/controller"}),
        ("policy-any-namespace", set(GATEWAYS)),
    ],
)
def test_each_peer_list_admits_whom_the_lesson_says(policy, admitted):
    cluster = policy_world(policy)
    found = {pod for pod in PODS if pod != PAYMENT and policy_verdict(cluster, pod, PAYMENT, 8080)}
    assert found == admitted


@pytest.mark.parametrize("deny_egress", [False, True])
def test_every_cell_says_what_the_verdict_says(deny_egress):
    explorer = who_reaches_whom()
    explorer.set(rules="policy-one-item", deny_egress=deny_egress)
    names = ["policy-one-item", *["policy-deny-egress"] * deny_egress]
    cluster = policy_world(*names)
    drawn = explorer.view.panels[0].figure["data"][0]
    for y, src in enumerate(drawn["y"]):
        for x, dst in enumerate(drawn["x"]):
            if src == dst:
                assert drawn["z"][y][x] is None
                continue
            verdict = policy_verdict(cluster, src, dst, 8080)
            said = OUTCOMES[drawn["z"][y][x]]
            assert (said == "allowed") == verdict.allowed
            assert ("source" in said or "both" in said) == (not verdict.egress.allowed)
            assert ("destination" in said or "both" in said) == (not verdict.ingress.allowed)


def test_the_guess_is_about_the_policy_of_the_lesson():
    explorer = who_reaches_whom()
    assert "the model says 1 pods" in explorer.commit(3)
    assert "app: api-gateway" in manifest("policy-seed")


def test_allowing_dns_alone_isolates_the_namespace():
    cluster = policy_world("policy-allow-dns")
    assert policy_verdict(cluster, PAYMENT, "kube-system/coredns", 53, "UDP")
    assert not policy_verdict(cluster, PAYMENT, "staging/gateway", 8080)


def test_the_table_gives_the_reason():
    table = verdict_table(policy_world("policy-seed"), [(GATEWAYS[0], PAYMENT, 8080, "TCP")])
    assert "without a namespaceSelector" in str(table)
