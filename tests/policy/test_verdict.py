"""NetworkPolicy semantics, one case at a time."""

import pytest

from k8snet_lessons.cluster import load_manifests
from k8snet_lessons.datapath.policy import policy_verdict, reachability
from k8snet_lessons.errors import InputError

from .conftest import NAMESPACES, PODS, pod, world

ALL = [f"{n}/{p}" for n in NAMESPACES for p in PODS]


def policy(spec, name="p", namespace="x"):
    lines = "\n".join("  " + line for line in spec.strip("\n").splitlines())
    return f"""---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}, namespace: {namespace}}}
spec:
{lines}
"""


def sources_into(cluster, target, port=80, protocol="TCP"):
    return {
        src for src in ALL if src != target and policy_verdict(cluster, src, target, port, protocol)
    }


def targets_from(cluster, source, port=80, protocol="TCP"):
    return {
        dst for dst in ALL if dst != source and policy_verdict(cluster, source, dst, port, protocol)
    }


def others(target, *, among=ALL):
    return {each for each in among if each != target}


def test_nothing_is_refused_without_a_policy(plain_world):
    for src in ALL:
        assert targets_from(plain_world, src) == others(src)
    verdict = policy_verdict(plain_world, "x/a", "y/b", 80)
    assert "no policy selects x/a for egress" in verdict.because
    assert "no policy selects y/b for ingress" in verdict.because


DENY_INGRESS = policy("podSelector: {}\npolicyTypes: [Ingress]\ningress: []")


def test_default_deny_ingress_shuts_a_namespace_and_leaves_its_egress():
    cluster = world(DENY_INGRESS)
    assert sources_into(cluster, "x/a") == set()
    assert targets_from(cluster, "x/a") == {e for e in ALL if e[0] != "x"}
    because = policy_verdict(cluster, "y/a", "x/a", 80).because
    assert "x/p" in because
    assert "no ingress rule" in because


@pytest.mark.parametrize("spec", ["podSelector: {}", "podSelector:\n  matchLabels:\ningress:"])
def test_leaving_everything_out_denies_ingress(spec):
    cluster = world(policy(spec))
    assert sources_into(cluster, "x/b") == set()
    assert targets_from(cluster, "x/b") == {e for e in ALL if e[0] != "x"}


def test_a_policy_without_a_spec_selects_all_and_allows_none():
    text = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: x}"
    )
    assert sources_into(world(text), "x/a") == set()


def test_an_empty_rule_allows_everybody_on_every_port():
    cluster = world(policy("podSelector: {}\ningress: [{}]"))
    assert sources_into(cluster, "x/a", 12345) == others("x/a")
    assert policy_verdict(cluster, "203.0.113.9", "x/a", 1, "SCTP")


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ("podSelector: {}", True, False),
        ("podSelector: {}\negress: []", True, False),
        ("podSelector: {}\negress: [{ports: [{port: 53}]}]", True, True),
        ("podSelector: {}\npolicyTypes: [Egress]", False, True),
        ("podSelector: {}\npolicyTypes: [Egress]\ningress: [{}]", False, True),
        ("podSelector: {}\npolicyTypes: [Ingress]\negress: [{ports: [{port: 53}]}]", True, False),
        ("podSelector: {}\npolicyTypes: [Ingress, Egress]", True, True),
    ],
)
def test_policy_types_default_by_the_rules_that_are_there(spec, ingress, egress):
    verdict_in = policy_verdict(world(policy(spec)), "y/a", "x/a", 80)
    verdict_out = policy_verdict(world(policy(spec)), "x/a", "y/a", 80)
    assert bool(verdict_in.ingress.isolated_by) is ingress
    assert bool(verdict_out.egress.isolated_by) is egress
    assert verdict_in.allowed is not ingress
    assert verdict_out.allowed is not egress


def peer_case(peer, target="a"):
    return world(
        policy(f"podSelector: {{matchLabels: {{pod: {target}}}}}\ningress:\n- from:\n{peer}")
    )


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("  - podSelector: {}", {"x/b", "x/c"}),
        ("  - podSelector: {matchLabels: {pod: c}}", {"x/c"}),
        ("  - namespaceSelector: {}", others("x/a")),
        ("  - namespaceSelector: {matchLabels: {ns: y}}", {"y/a", "y/b", "y/c"}),
        (
            "  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: y}}",
            {"y/a", "y/b", "y/c"},
        ),
        ("  - {namespaceSelector: {}, podSelector: {}}", others("x/a")),
        (
            "  - {namespaceSelector: {}, podSelector: {matchLabels: {pod: c}}}",
            {"x/c", "y/c", "z/c"},
        ),
        # one entry with both: AND
        (
            "  - namespaceSelector: {matchLabels: {ns: y}}\n"
            "    podSelector: {matchLabels: {pod: c}}",
            {"y/c"},
        ),
        # two entries: OR, and the pod selector stays at home
        (
            "  - namespaceSelector: {matchLabels: {ns: y}}\n"
            "  - podSelector: {matchLabels: {pod: c}}",
            {"y/a", "y/b", "y/c", "x/c"},
        ),
        (
            "  - namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]}\n"
            "    podSelector: {matchExpressions: [{key: pod, operator: In, values: [b, c]}]}",
            {"y/b", "y/c", "z/b", "z/c"},
        ),
        (
            "  - podSelector: {matchExpressions: [{key: nothing, operator: DoesNotExist}]}",
            {"x/b", "x/c"},
        ),
        ("  - podSelector: {matchExpressions: [{key: nothing, operator: Exists}]}", set()),
        (
            "  - podSelector: {matchExpressions: [{key: nothing, operator: NotIn, values: [q]}]}",
            {"x/b", "x/c"},
        ),
        ("  - ipBlock: {cidr: 10.244.1.0/24}", {"y/a", "y/b", "y/c"}),
        (
            "  - ipBlock: {cidr: 10.244.1.0/24, except: [10.244.1.11/32]}",
            {"y/a", "y/c"},
        ),
        ("  - ipBlock: {cidr: 0.0.0.0/0}", others("x/a")),
        ("  - ipBlock: {cidr: '::/0'}", set()),
    ],
)
def test_peers(peer, expected):
    cluster = peer_case(peer)
    assert sources_into(cluster, "x/a") == expected
    assert sources_into(cluster, "x/b") == others("x/b")


def test_the_namespace_of_its_name_needs_no_namespace_object():
    text = pod("lonely", "a", "app: a") + pod("other", "b", "app: b")
    text += policy(
        "podSelector: {}\ningress:\n- from:\n"
        "  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: other}}",
        namespace="lonely",
    )
    cluster = load_manifests(text)
    assert policy_verdict(cluster, "other/b", "lonely/a", 80)


def test_nobody_can_give_a_namespace_another_ones_name():
    liar = (
        "---\napiVersion: v1\nkind: Namespace\n"
        "metadata: {name: z, labels: {kubernetes.io/metadata.name: y}}\n"
    )
    text = liar + "".join(pod(n, "a", "pod: a") for n in "xyz")
    text += policy(
        "podSelector: {}\ningress:\n- from:\n"
        "  - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: y}}"
    )
    cluster = load_manifests(text)
    assert policy_verdict(cluster, "y/a", "x/a", 80)
    assert not policy_verdict(cluster, "z/a", "x/a", 80)


ALL_PODS = "from: [{namespaceSelector: {}}]"
NO_POD = "from: [{namespaceSelector: {matchLabels: {never: there}}}]"
ALL_IPS = "from: [{ipBlock: {cidr: 0.0.0.0/0}}]"
NO_IP = "from: [{ipBlock: {cidr: 0.0.0.0/31}}]"
ANYBODY = "from: []"


@pytest.mark.parametrize(
    ("rules", "pods", "world_outside"),
    [
        ([NO_POD], False, False),
        ([NO_IP], False, False),
        ([NO_POD, ALL_IPS], True, True),
        ([NO_IP, ALL_PODS], True, False),
        ([NO_POD, NO_IP], False, False),
        ([ALL_IPS, NO_IP], True, True),
        ([NO_POD, ANYBODY], True, True),
        ([ALL_PODS], True, False),
        ([], False, False),
    ],
)
@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize("together", [True, False])
def test_no_rule_takes_back_what_another_one_allows(
    rules, pods, world_outside, direction, together
):
    """The conflicts that conformance generators try: one policy or several, both directions."""
    written = [rule if direction == "ingress" else rule.replace("from:", "to:") for rule in rules]
    head = f"podSelector: {{}}\npolicyTypes: [{direction.capitalize()}]\n{direction}: "
    sets = [written] if together or not written else [[rule] for rule in written]
    text = "".join(
        policy(head + "[" + ", ".join(f"{{{rule}}}" for rule in each) + "]", f"p{number}")
        for number, each in enumerate(sets)
    )
    cluster = world(text)
    pair = ("y/b", "x/a") if direction == "ingress" else ("x/a", "y/b")
    assert policy_verdict(cluster, *pair, 80).allowed is pods
    far = ("198.51.100.7", "x/a") if direction == "ingress" else ("x/a", "198.51.100.7")
    assert policy_verdict(cluster, *far, 80).allowed is world_outside


def test_policies_add_up_and_their_order_does_not_matter():
    one = policy("podSelector: {}\ningress: [{from: [{podSelector: {}}]}]", "one")
    two = policy("podSelector: {matchLabels: {pod: a}}\ningress: [{ports: [{port: 80}]}]", "two")
    for text in (one + two, two + one):
        cluster = world(DENY_INGRESS + text)
        assert sources_into(cluster, "x/a", 80) == others("x/a")
        assert sources_into(cluster, "x/a", 81) == {"x/b", "x/c"}
        assert sources_into(cluster, "x/b", 80) == {"x/a", "x/c"}
    verdict = policy_verdict(cluster, "x/b", "x/a", 80)
    assert "x/one, ingress rule 1" in verdict.because
    assert "x/two, ingress rule 1" in verdict.because


def test_both_sides_must_agree():
    out = policy("podSelector: {}\npolicyTypes: [Egress]\negress: [{to: [{podSelector: {}}]}]")
    into = policy("podSelector: {}\ningress: [{}]", namespace="y")
    cluster = world(out + into)
    verdict = policy_verdict(cluster, "x/a", "y/a", 80)
    assert not verdict
    assert verdict.ingress.allowed
    assert not verdict.egress.allowed
    assert "egress at the source denied" in verdict.because
    assert policy_verdict(cluster, "x/a", "x/b", 80)
    assert policy_verdict(cluster, "y/a", "x/a", 80), "the way back is a connection of its own"


def test_rules_and_ports_are_or_peers_and_ports_are_and():
    cluster = world(
        policy(
            "podSelector: {matchLabels: {pod: a}}\ningress:\n"
            "- from: [{podSelector: {matchLabels: {pod: b}}}]\n"
            "  ports: [{port: 80}, {port: 81, protocol: UDP}]\n"
            "- from: [{podSelector: {matchLabels: {pod: c}}}]\n"
            "  ports: [{port: 82}]"
        )
    )

    def ok(src, port, protocol="TCP"):
        return policy_verdict(cluster, src, "x/a", port, protocol).allowed

    assert [ok("x/b", 80), ok("x/b", 81, "UDP"), ok("x/b", 81), ok("x/b", 82)] == [
        True,
        True,
        False,
        False,
    ]
    assert [ok("x/c", 82), ok("x/c", 80)] == [True, False]
    assert (
        "TCP 80 is not among its ports (TCP 82)"
        in policy_verdict(cluster, "x/c", "x/a", 80).because
    )


@pytest.mark.parametrize(
    ("ports", "allowed"),
    [
        ("[{port: 80}]", {("TCP", 80)}),
        ("[{protocol: UDP, port: 80}]", {("UDP", 80)}),
        ("[{protocol: SCTP, port: 82}]", {("SCTP", 82)}),
        ("[{protocol: TCP}]", {("TCP", 80), ("TCP", 81), ("TCP", 82), ("TCP", 90)}),
        ("[{port: 80, endPort: 82}]", {("TCP", 80), ("TCP", 81), ("TCP", 82)}),
        ("[{port: 81, endPort: 81, protocol: UDP}]", {("UDP", 81)}),
        ("[{port: serve-80-tcp}]", {("TCP", 80)}),
        ("[{port: serve-81-udp, protocol: UDP}]", {("UDP", 81)}),
        # the name exists, but not with this protocol
        ("[{port: serve-81-udp}]", set()),
        ("[{port: not-served}]", set()),
        ("[{port: serve-80-tcp}, {port: 82, protocol: SCTP}]", {("TCP", 80), ("SCTP", 82)}),
    ],
)
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_ports(ports, allowed, direction):
    kind = direction.capitalize()
    cluster = world(
        policy(f"podSelector: {{}}\npolicyTypes: [{kind}]\n{direction}: [{{ports: {ports}}}]")
    )
    src, dst = ("y/a", "x/a") if direction == "ingress" else ("x/a", "y/a")
    probes = [(proto, port) for proto in ("TCP", "UDP", "SCTP") for port in (80, 81, 82, 90)]
    got = {
        (proto, port) for proto, port in probes if policy_verdict(cluster, src, dst, port, proto)
    }
    assert got == allowed


def test_a_port_name_means_what_the_destination_says_it_means():
    web = "{name: web, containerPort: %d}"
    text = (
        pod("s", "one", "app: web", web % 8080)
        + pod("s", "two", "app: web", web % 9090)
        + pod("s", "client", "app: client", web % 7070)
        + policy(
            "podSelector: {matchLabels: {app: client}}\npolicyTypes: [Egress]\n"
            "egress: [{ports: [{port: web}]}]",
            namespace="s",
        )
    )
    cluster = load_manifests(text)
    assert policy_verdict(cluster, "s/client", "s/one", 8080)
    assert not policy_verdict(cluster, "s/client", "s/one", 9090)
    assert policy_verdict(cluster, "s/client", "s/two", 9090)
    assert not policy_verdict(cluster, "s/client", "203.0.113.5", 8080)
    assert policy_verdict(cluster, "s/client", "s/two", "web")
    with pytest.raises(InputError, match="port"):
        policy_verdict(cluster, "s/client", "s/two", "metrics")


def test_a_pod_cannot_shut_itself_out():
    cluster = world(policy("podSelector: {}\npolicyTypes: [Ingress, Egress]"))
    verdict = policy_verdict(cluster, "x/a", "x/a", 80)
    assert verdict
    assert "itself" in verdict.because
    assert policy_verdict(cluster, "x/a", "10.244.0.10", 80)


def test_a_pod_named_by_its_address_is_that_pod():
    cluster = peer_case("  - podSelector: {matchLabels: {pod: b}}")
    assert policy_verdict(cluster, "10.244.0.11", "10.244.0.10", 80)
    assert not policy_verdict(cluster, "10.244.0.12", "x/a", 80)


def test_an_address_outside_is_judged_at_the_pod_alone():
    cluster = peer_case("  - ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.128/25]}")
    assert policy_verdict(cluster, "203.0.113.5", "x/a", 80)
    hole = policy_verdict(cluster, "203.0.113.200", "x/a", 80)
    assert not hole
    assert "excepted" in hole.because
    assert not policy_verdict(cluster, "198.51.100.1", "x/a", 80)
    assert policy_verdict(cluster, "x/a", "198.51.100.1", 443)
    assert policy_verdict(cluster, "198.51.100.1", "203.0.113.1", 443)


HOSTS = (
    pod("x", "agent", "pod: agent", node="node-1", more="hostNetwork: true")
    + pod("y", "agent", "pod: agent", node="node-2", more="hostNetwork: true")
    + """
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 192.168.7.1}]}
---
apiVersion: v1
kind: Node
metadata: {name: node-2}
status: {addresses: [{type: InternalIP, address: 192.168.7.2}]}
"""
)


def test_the_node_a_pod_runs_on_is_never_refused():
    cluster = world(policy("podSelector: {}\npolicyTypes: [Ingress, Egress]"), HOSTS)
    assert policy_verdict(cluster, "192.168.7.1", "x/a", 80)
    assert policy_verdict(cluster, "x/a", "192.168.7.1", 10250)
    assert not policy_verdict(cluster, "192.168.7.2", "x/a", 80)
    assert policy_verdict(cluster, "x/agent", "x/a", 80)


def test_host_network_pods_are_their_nodes():
    by_label = policy("podSelector: {}\ningress: [{from: [{namespaceSelector: {}}]}]")
    by_block = policy("podSelector: {}\ningress: [{from: [{ipBlock: {cidr: 192.168.7.0/24}}]}]")
    labeled = policy_verdict(world(by_label, HOSTS), "y/agent", "x/a", 80)
    assert not labeled
    assert labeled.implementation_defined
    assert policy_verdict(world(by_block, HOSTS), "y/agent", "x/a", 80)
    deny = world(DENY_INGRESS, HOSTS)
    assert policy_verdict(deny, "y/a", "x/agent", 80), "no policy selects a host-network pod"


def test_a_cluster_ip_is_not_judged_as_if_it_were_a_pod():
    service = """
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: y}
spec: {clusterIP: 10.96.3.3, selector: {pod: a}, ports: [{port: 80}]}
"""
    verdict = policy_verdict(world("", service), "x/a", "10.96.3.3", 80)
    assert "Service y/web" in " ".join(verdict.implementation_defined)


SEED = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: restrict-payment-access, namespace: production}
spec:
  podSelector: {matchLabels: {app: payment-processor}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: api-gateway}}
    ports: [{protocol: TCP, port: 8080}]
"""


def test_the_gateway_in_a_namespace_of_its_own_is_shut_out_and_told_why():
    text = (
        SEED
        + pod("production", "payment", "app: payment-processor")
        + pod("production", "gateway", "app: api-gateway")
        + pod("ingress-nginx", "gateway", "app: api-gateway")
    )
    cluster = load_manifests(text)
    assert policy_verdict(cluster, "production/gateway", "production/payment", 8080)
    verdict = policy_verdict(cluster, "ingress-nginx/gateway", "production/payment", 8080)
    assert not verdict
    assert "production/restrict-payment-access" in verdict.because
    assert "namespaceSelector" in verdict.because
    assert "ingress-nginx/gateway is not in production" in verdict.because


@pytest.mark.parametrize(
    ("src", "dst", "port", "protocol"),
    [
        ("x/nobody", "x/a", 80, "TCP"),
        ("a", "x/a", 80, "TCP"),
        ("", "x/a", 80, "TCP"),
        ("10.0.0.999", "x/a", 80, "TCP"),
        ("x/a", "x/b", 0, "TCP"),
        ("x/a", "x/b", 65_536, "TCP"),
        ("x/a", "x/b", True, "TCP"),
        ("x/a", "x/b", 80, "ICMP"),
        ("x/a", "fd00::1", 80, "TCP"),
    ],
)
def test_questions_without_sense_are_refused(plain_world, src, dst, port, protocol):
    with pytest.raises(InputError):
        policy_verdict(plain_world, src, dst, port, protocol)


@pytest.mark.parametrize(
    "spec",
    [
        "podSelector: {}\ningress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]",
        "podSelector: {}\n"
        "ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/24, except: [10.1.0.0/25]}}]}]",
        "podSelector: {}\ningress: [{ports: [{port: 80, endPort: 79}]}]",
        "podSelector: {}\ningress: [{ports: [{port: web, endPort: 90}]}]",
        "podSelector: {matchExpressions: [{key: a, operator: Like, values: [b]}]}",
        "podSelector: {}\ningress: [{from: [{}]}]",
        "podSelector: {}\npolicyTypes: [Ingress, Ingress, Egress]",
        "podSelector: {}\negress: [{ports: [{endPort: 90}]}]",
        "podSelector: {}\negress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]",
        "podSelector: {}\negress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]",
        "podSelector: {}\negress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: ['fd00::/9']}}]}]",
        "podSelector: {matchExpressions: [{key: a, operator: In}]}",
        "podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
    ],
)
def test_policies_the_api_server_refuses_name_the_object(spec):
    with pytest.raises(InputError) as refused:
        world(policy(spec))
    assert "x/p" in str(refused.value)


def test_protocols_are_read_in_any_case(plain_world):
    assert policy_verdict(plain_world, "x/a", "x/b", 80, "tcp")


def test_two_families_are_judged_by_the_one_the_connection_uses():
    text = ""
    for name, four, six in (("a", "10.9.0.1", "fd09::1"), ("b", "10.9.0.2", "fd09::2")):
        text += f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}, namespace: d}}
spec: {{nodeName: n, containers: [{{name: c, image: i}}]}}
status: {{podIP: {four}, podIPs: [{{ip: {four}}}, {{ip: "{six}"}}]}}
"""
    text += policy(
        "podSelector: {}\ningress: [{from: [{ipBlock: {cidr: 'fd09::/64'}}]}]", namespace="d"
    )
    cluster = load_manifests(text, pod_cidrs=["10.9.0.0/16", "fd09::/64"])
    assert not policy_verdict(cluster, "d/a", "d/b", 80)
    assert policy_verdict(cluster, "d/a", "fd09::2", 80)
    assert not policy_verdict(cluster, "d/a", "10.9.0.2", 80)
    assert not reachability(cluster, 80).pairs()
