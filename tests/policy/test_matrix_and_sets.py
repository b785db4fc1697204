"""Whole clusters: the matrix against the verdict, laws of policies, diffs, exactness, smallest."""

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.datapath.policy import (
    Flow,
    allows_exactly,
    diff_policies,
    isolation,
    policy_verdict,
    reachability,
    smallest_policy,
    with_policies,
)
from k8snet_lessons.errors import InputError

from .conftest import NAMESPACES, PODS, WORLD, pod, world

HOSTS = pod("x", "agent", "pod: agent", node="node-1", more="hostNetwork: true") + pod(
    "z", "agent", "pod: agent", node="node-2", more="hostNetwork: true"
)
BASE = load_manifests(WORLD + HOSTS)
VERDICT_BUDGET = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

labels = st.sampled_from([{}, {"pod": "a"}, {"pod": "b"}, {"pod": "nobody"}])
expressions = st.builds(
    lambda operator, values: [
        {"key": "pod", "operator": operator, **({"values": values} if values else {})}
    ],
    st.sampled_from(["Exists", "DoesNotExist"]),
    st.just([]),
) | st.builds(
    lambda operator, values: [{"key": "pod", "operator": operator, "values": values}],
    st.sampled_from(["In", "NotIn"]),
    st.lists(st.sampled_from(PODS), min_size=1, max_size=2, unique=True),
)
pod_selectors = st.builds(lambda match: {"matchLabels": match}, labels) | st.builds(
    lambda match: {"matchExpressions": match}, expressions
)
namespace_selectors = st.sampled_from(
    [{}, {"matchLabels": {"ns": "y"}}, {"matchLabels": {"kubernetes.io/metadata.name": "z"}}]
)
blocks = st.sampled_from(
    [
        {"cidr": "10.244.0.0/16"},
        {"cidr": "10.244.1.0/24", "except": ["10.244.1.10/32"]},
        {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/24", "10.244.2.0/24"]},
        {"cidr": "fd00::/8"},
    ]
)
peers = (
    st.builds(lambda p: {"podSelector": p}, pod_selectors)
    | st.builds(lambda n: {"namespaceSelector": n}, namespace_selectors)
    | st.builds(
        lambda n, p: {"namespaceSelector": n, "podSelector": p}, namespace_selectors, pod_selectors
    )
    | st.builds(lambda b: {"ipBlock": b}, blocks)
)
ports = st.sampled_from(
    [
        {"port": 80},
        {"port": 80, "endPort": 90},
        {"protocol": "UDP", "port": 80},
        {"protocol": "TCP"},
        {"port": "serve-80-tcp"},
    ]
)


def rules(word):
    return st.lists(
        st.builds(
            lambda who, where: {
                **({word: who} if who else {}),
                **({"ports": where} if where else {}),
            },
            st.lists(peers, max_size=2),
            st.lists(ports, max_size=2),
        ),
        max_size=2,
    )


specs = st.builds(
    lambda selector, types, ingress, egress: {
        "podSelector": selector,
        **({"policyTypes": types} if types else {}),
        "ingress": ingress,
        "egress": egress,
    },
    pod_selectors,
    st.sampled_from([[], ["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    rules("from"),
    rules("to"),
)


def manifest(number, namespace, spec):
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"p{number}", "namespace": namespace},
        "spec": spec,
    }


policy_sets = st.lists(st.tuples(st.sampled_from(NAMESPACES), specs), max_size=4).map(
    lambda drawn: [manifest(i, namespace, spec) for i, (namespace, spec) in enumerate(drawn)]
)


def applied(manifests):
    return with_policies(BASE, yaml.safe_dump_all(manifests))


@VERDICT_BUDGET
@given(policy_sets, st.sampled_from([(80, "TCP"), (80, "UDP"), (85, "TCP")]))
def test_the_matrix_is_the_verdict_of_every_pair(manifests, where):
    cluster = applied(manifests)
    matrix = reachability(cluster, *where)
    for i, src in enumerate(matrix.pods):
        for j, dst in enumerate(matrix.pods):
            verdict = policy_verdict(cluster, src, dst, *where)
            assert matrix.allowed[i, j] == verdict.allowed, verdict.because
            assert matrix.egress[i, j] == verdict.egress.allowed
            assert matrix.ingress[i, j] == verdict.ingress.allowed
            assert verdict.because


@VERDICT_BUDGET
@given(policy_sets, st.randoms(use_true_random=False))
def test_the_order_of_policies_does_not_matter(manifests, random):
    shuffled = list(manifests)
    random.shuffle(shuffled)
    one, other = (reachability(applied(each), 80).allowed for each in (manifests, shuffled))
    assert (one == other).all()


@VERDICT_BUDGET
@given(policy_sets, st.sampled_from(NAMESPACES), specs)
def test_a_further_policy_takes_nothing_from_pods_already_isolated(manifests, namespace, spec):
    before = reachability(applied(manifests), 80)
    after = reachability(applied([*manifests, manifest(99, namespace, spec)]), 80)
    for name, axis in (("egress", 0), ("ingress", 1)):
        isolated = getattr(before, f"isolated_{name}")
        lost = getattr(before, name) & ~getattr(after, name)
        at_isolated = lost[isolated, :] if axis == 0 else lost[:, isolated]
        assert not at_isolated.any()


@VERDICT_BUDGET
@given(policy_sets, st.sampled_from(NAMESPACES))
def test_a_policy_that_allows_all_makes_the_others_idle(manifests, namespace):
    opened = manifest(
        99,
        namespace,
        {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]},
    )
    matrix = reachability(applied([*manifests, opened]), 80)
    inside = np.array([name.startswith(f"{namespace}/") for name in matrix.pods])
    assert matrix.ingress[:, inside].all()
    assert matrix.egress[inside, :].all()


@VERDICT_BUDGET
@given(policy_sets)
def test_removing_all_policies_opens_and_never_closes(manifests):
    diff = diff_policies(reachability(applied(manifests), 80), reachability(applied([]), 80))
    assert diff.closed == ()


def test_isolation_names_the_policies():
    cluster = applied(
        [manifest(1, "x", {"podSelector": {"matchLabels": {"pod": "a"}}}), manifest(2, "x", {})]
    )
    found = isolation(cluster, "ingress")
    assert found["x/a"] == ("x/p1", "x/p2")
    assert found["x/b"] == ("x/p2",)
    assert found["y/a"] == found["x/agent"] == ()


def test_a_diff_names_what_opened_and_what_closed():
    deny = manifest(1, "x", {"podSelector": {"matchLabels": {"pod": "a"}}})
    allow_y = manifest(
        1,
        "x",
        {
            **deny["spec"],
            "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"ns": "y"}}}]}],
        },
    )
    before, after = reachability(applied([deny]), 80), reachability(applied([allow_y]), 80)
    diff = diff_policies(before, after)
    assert diff.opened == (("y/a", "x/a"), ("y/b", "x/a"), ("y/c", "x/a"))
    assert diff.closed == ()
    assert diff_policies(after, before).closed == diff.opened
    with pytest.raises(InputError):
        diff_policies(before, reachability(applied([]), 81))


SHOP = (
    pod("shop", "db", "app: db, tier: data", "{containerPort: 5432}")
    + pod("shop", "api-1", "app: api, tier: web", "{containerPort: 8080}")
    + pod("shop", "api-2", "app: api, tier: web", "{containerPort: 8080}")
    + pod("shop", "front", "app: front, tier: web", "{containerPort: 80}")
    + pod("ops", "backup", "job: backup, tier: data")
    + pod("ops", "shell", "job: shell")
)


def test_a_set_is_held_to_exactly_the_flows_wished_for():
    cluster = load_manifests(SHOP)
    wanted = [Flow("shop/api-1", "shop/db", 5432), Flow("shop/api-2", "shop/db", 5432)]
    loose = allows_exactly(cluster, wanted, among=[(5432, "TCP")])
    assert not loose
    assert loose.missing == ()
    assert Flow("ops/shell", "shop/db", 5432) in loose.surplus
    shut = with_policies(
        cluster,
        "".join(
            f"---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
            f"metadata: {{name: deny, namespace: {ns}}}\nspec: {{podSelector: {{}}}}\n"
            for ns in ("shop", "ops")
        ),
    )
    check = allows_exactly(shut, wanted)
    assert check.missing == tuple(wanted)
    assert check.surplus == ()
    assert allows_exactly(shut, [])
    with pytest.raises(InputError):
        allows_exactly(cluster, [Flow("shop/nobody", "shop/db", 5432)])


def test_the_smallest_policy_is_found_and_checked():
    cluster = load_manifests(SHOP)
    found = smallest_policy(
        cluster, ["shop/db"], ["shop/api-1", "shop/api-2", "ops/backup"], 5432, name="db"
    )
    assert found.check
    # app=db; app=api; the namespace's name and job=backup
    assert found.terms == 4
    spec = found.manifest["spec"]
    assert spec["podSelector"] == {"matchLabels": {"app": "db"}}
    into = with_policies(cluster, yaml.safe_dump(dict(found.manifest)))
    assert policy_verdict(into, "ops/backup", "shop/db", 5432)
    for stranger in ("shop/front", "ops/shell"):
        assert not policy_verdict(into, stranger, "shop/db", 5432)
    assert not policy_verdict(into, "shop/api-1", "shop/db", 80)


def test_no_smaller_policy_does_the_same():
    cluster = load_manifests(SHOP)
    found = smallest_policy(cluster, ["shop/db"], ["shop/api-1", "shop/api-2"], 5432)
    assert found.terms == 2
    spec = found.manifest["spec"]
    for selector in (spec["podSelector"], spec["ingress"][0]["from"][0]["podSelector"]):
        kept = selector["matchLabels"]
        selector["matchLabels"] = {}
        smaller = with_policies(cluster, yaml.safe_dump(dict(found.manifest)))
        wanted = {("shop/api-1", "shop/db"), ("shop/api-2", "shop/db")}
        into_shop = {p for p in reachability(smaller, 5432).pairs() if p[1].startswith("shop/")}
        open_before = {
            p
            for p in reachability(cluster, 5432).pairs()
            if p[1].startswith("shop/") and p[1] != "shop/db"
        }
        assert into_shop != wanted | open_before
        selector["matchLabels"] = kept


def test_nobody_is_a_set_of_sources_too():
    found = smallest_policy(load_manifests(SHOP), ["shop/db"], [], 5432)
    assert found.check
    assert found.terms == 1
    assert found.manifest["spec"].get("ingress", []) == []


def test_what_labels_cannot_part_is_said():
    cluster = load_manifests(SHOP)
    with pytest.raises(InputError, match="sources"):
        smallest_policy(cluster, ["shop/db"], ["shop/api-1"], 5432)
    with pytest.raises(InputError, match="targets"):
        smallest_policy(cluster, ["shop/db", "ops/backup"], [], 5432)
    with pytest.raises(InputError, match="targets"):
        smallest_policy(cluster, [], [], 5432)


def test_with_policies_takes_text_a_mapping_or_a_cluster():
    text = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: x}"
    )
    by_text = with_policies(BASE, text)
    assert list(by_text.network_policies) == ["x/p"]
    assert with_policies(BASE, by_text).network_policies == by_text.network_policies
    assert with_policies(by_text, "").network_policies == {}
    assert list(world(text).network_policies) == ["x/p"]
    assert by_text.pods is BASE.pods


def test_a_cluster_without_pods_has_an_empty_matrix():
    empty = reachability(load_manifests(""), 80)
    assert empty.allowed.shape == (0, 0)
    assert empty.pairs() == frozenset()
