"""Lesson 7's comparison of policy sets, and its smallest policy."""

from k8snet_lessons.datapath.policy import policy_verdict, with_policies
from k8snet_lessons.explorers.policy import policy_world
from k8snet_lessons.explorers.policy_sets import difference_table, smallest_manifest


def test_one_dash_opens_one_pair():
    rows = difference_table("policy-one-item", "policy-two-items").rows
    assert rows == (("opened", "production/gateway", "production/payment"),)


def test_the_same_set_differs_in_nothing():
    assert difference_table("policy-seed", "policy-seed").rows[0][0] == "nothing changes"


def test_the_smallest_policy_lets_in_whom_it_should():
    text = smallest_manifest("production/payment", ["ingress-nginx/controller"], 8080)
    cluster = with_policies(policy_world(), str(text))
    for source in cluster.pods:
        if source != "production/payment":
            allowed = policy_verdict(cluster, source, "production/payment", 8080).allowed
            assert allowed == (source == "ingress-nginx/controller")
    assert "allows exactly that" in text
