"""The last task of every exercise asks for a judgement: whatever meets the bounds is right."""

from itertools import combinations, product

import pytest

from k8snet_lessons.assess import assignment
from k8snet_lessons.assess.tasks.lesson_02_clusterip_illusion import service_manifest
from k8snet_lessons.assess.tasks.lesson_07_network_policy import exact_policy
from k8snet_lessons.course.curriculum import LESSONS
from k8snet_lessons.course.questions import question
from k8snet_lessons.interview import Interview

SEED = 0


def by_hand(**knobs):
    """Every combination of some values of the knobs."""
    return [dict(zip(knobs, values, strict=True)) for values in product(*knobs.values())]


def services(given):
    return [
        service_manifest(given),
        service_manifest(given, type="LoadBalancer"),
        service_manifest(given, internalTrafficPolicy="Cluster", sessionAffinity="None"),
    ]


def policies(given):
    edge = (
        "    - namespaceSelector:\n        matchLabels: {kubernetes.io/metadata.name: edge}\n"
        "      podSelector:\n        %s"
    )
    named = edge % "matchLabels: {app: gateway}"
    chosen = edge % "matchExpressions: [{key: app, operator: NotIn, values: [debug]}]"
    other = "matchExpressions: [{key: app, operator: In, values: [payment]}]"
    return [exact_policy(given, named), exact_policy(given, chosen, selector=other)]


def placements(given):
    able = 0.8 * given["capacity_per_s"]
    most = {zone: -int(-rate // able) for zone, rate in given["rates_per_s"].items()}
    return [
        {"policy": policy, **most, "a": most["a"] + more}
        for policy in ("none", "auto", "zone", "both")
        for more in (0, 1)
    ]


def runbooks(given):
    node = next(
        slip.answer(given)[0] for slip in assignment("12-incident-room").tasks[-1].wrong
        if slip.answer(given)[0].startswith("ssh")
    ).split()[1]  # fmt: skip
    lines = [f"ssh {node} conntrack -S", "kubectl describe svc checkout",
             "kubectl describe svc ledger", "metrics"]  # fmt: skip
    return [lines, lines[::-1], [*lines[1:], lines[0]]]


def interviews(given):
    said = question(given["question"]).rubric.model_answer
    logs = []
    for answer in (said, f"Let me begin at the client. {said}"):
        held = Interview.begin(given["question"], 1)
        held.say(answer, seconds=100, confidence=3)
        while held.state.phase != "review":
            held.say("I have nothing to add.")
        held.review()
        logs.append(held.log())
    return logs


DECISIONS = {
    1: lambda given: [
        {"replicas": given["start"]["replicas"] + 1, "target": "pod_ip"},
        {"replicas": given["start"]["replicas"] + 1, "external_traffic_policy": "Local"},
        {"replicas": given["start"]["replicas"] + 1, "target": "pod_ip", "ingress_replicas": 1},
    ],
    2: services,
    3: lambda given: by_hand(mode=("nftables", "ebpf"), requests_per_connection=(2, 5, 10, 100)),
    4: lambda given: by_hand(ndots=(1, 2, 3), replicas=(2, 3, 4, 5), node_cache=(False,)),
    5: lambda given: by_hand(
        max_entries=(262_144, 393_216, 524_288),
        time_wait_s=(30, 40, 60),
        keepalive_share=(0.0, 0.5, 0.8),
    ),
    6: lambda given: by_hand(model=("vxlan", "geneve", "ipip"), underlay_mtu_bytes=(9_000,)),
    7: policies,
    8: lambda given: by_hand(read_s=range(given["needs_s"], given["needs_s"] + 5), tries=(2,)),
    9: placements,
    10: lambda given: by_hand(
        balancing=("round_robin", "least_request", "client_round_robin"),
        shared_proxies=(0, 1, 2, 3),
        max_age_s=(None, 30),
    ),
    11: lambda given: [list(some) for some in combinations(
        ("node_cache", "serve_stale", "bulkhead", "shedding", "disruption_budget", "short_queue",
         "retry_budget"), 5)],
    12: runbooks,
    13: interviews,
}  # fmt: skip


@pytest.mark.parametrize(
    "lesson", [one for one in LESSONS if one.exercise], ids=lambda one: one.slug
)
def test_more_than_one_decision_is_right_and_several_are_known_to_be_wrong(lesson):
    assert lesson.number in DECISIONS, "a new exercise: name two decisions that meet its bounds"
    task = assignment(lesson.slug).tasks[-1]
    given = task.given(lesson.slug, SEED)
    verdicts = [task.judge(given, one) for one in DECISIONS[lesson.number](given)]
    assert sum(verdict.status == "right" for verdict in verdicts) >= 2
    assert len(task.wrong) >= 2
