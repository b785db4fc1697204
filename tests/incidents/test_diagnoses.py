"""Every fault can be found from the tools' text alone, and no two show the same."""

from functools import cache

import pytest
from playbook import SCRIPTS

from k8snet_lessons.incidents import FAULTS, Case, World, drawn, run

SEEDS = (3, 20, 417)
EACH = pytest.mark.parametrize("name", FAULTS)


@cache
def case(name: str, seed: int) -> Case:
    """The cluster of a fault; without a name, a healthy one."""
    _, world, healthy = drawn(seed, name or "local-policy")
    return Case(world if name else healthy, healthy)


@cache
def printed(name: str, seed: int, line: str) -> str:
    result = run(case(name, seed), line)
    assert result.ok, f"{name}/{seed}: {line}: {result.text}"
    return result.text


def reader(name: str, seed: int):
    return lambda line: printed(name, seed, line)


def test_there_is_a_script_for_every_fault():
    assert SCRIPTS.keys() == FAULTS.keys()
    assert len(FAULTS) >= 12


@pytest.mark.parametrize("seed", SEEDS)
@EACH
def test_the_scripts_of_all_faults_fit_this_one_alone(name, seed):
    fitting = [other for other, script in SCRIPTS.items() if script(reader(name, seed))]
    assert fitting == [name]


def test_no_script_fits_a_healthy_cluster():
    assert [name for name, script in SCRIPTS.items() if script(reader("", 3))] == []


@pytest.mark.parametrize("seed", SEEDS)
@EACH
def test_the_shortest_path_shows_what_it_says_and_nothing_else_does(name, seed):
    for look in FAULTS[name].path(case(name, seed).world):
        text = printed(name, seed, look.command)
        assert look.seen_in(look.command, text), look.command
    for other in ("", *FAULTS):
        if other == name:
            continue
        world: World = case(other, seed).world
        for look in FAULTS[name].path(world):
            if look.decides:
                assert not look.seen_in(look.command, printed(other, seed, look.command)), (
                    f"{look.command} speaks for {name} in {other or 'a healthy cluster'} too"
                )


def test_every_path_has_a_look_that_decides():
    for name, fault in FAULTS.items():
        assert any(look.decides for look in fault.path(case(name, 3).world)), name


IN_YAML = {
    "coredns-throttled": "kubectl get pods -n kube-system -o yaml",
    "sticky-clients": "kubectl get svc ledger -o yaml",
    "policy-blocks-dns": "kubectl get netpol checkout-egress -o yaml",
    "policy-blocks-edge": "kubectl get netpol checkout-callers -o yaml",
    "local-policy": "kubectl get svc edge-proxy -n edge -o yaml",
    "short-read-timeout": "kubectl get ingress shop -o yaml",
}


@pytest.mark.parametrize("name", IN_YAML)
def test_who_reads_the_yaml_has_seen_it_too(name):
    line = IN_YAML[name]
    decisive = [look for look in FAULTS[name].path(case(name, 3).world) if look.in_yaml]
    assert len(decisive) == 1
    for other in ("", *FAULTS):
        text = printed(other, 3, line)
        assert decisive[0].seen_in(line, text) == (other == name), other


#: Looks that an on-call may well take instead of those of the shortest path.
INSTEAD = {
    "conntrack-full": ("ssh node-1 dmesg -T", "ssh node-2 sudo dmesg | tail -5"),
    "ndots-amplification": ("ssh node-1 tcpdump -ni any port 53 -c 200",),
    "pinned-channels": ("kubectl describe deploy ledger",),
    "lopsided-age": (
        "kubectl get deploy", "kubectl -n shop rollout status deploy/ledger",
        "kubectl describe deploy/ledger | grep Progressing", "kubectl get pods -l app=ledger",
    ),
    "hints-withheld": ("kubectl get events", "kubectl get ev -A --sort-by=.lastTimestamp"),
    "local-policy": ("kubectl -n edge describe svc",),
    "wrong-target-port": (
        "kubectl get endpointslices -A", "kubectl describe endpointslices",
        "kubectl get svc checkout -o yaml", "kubectl get svc -o yaml",
        "ssh node-3 iptables-save | grep checkout",
        "ssh node-1 tcpdump -ni any 'tcp[tcpflags] & (tcp-rst) != 0' -c 9",
    ),
    "selector-mismatch": (
        "kubectl get endpointslices", "kubectl get svc -A -o wide", "kubectl describe ing",
        "kubectl get svc checkout -o yaml", "ssh node-3 iptables-save -t filter",
    ),
    "coredns-throttled": ("kubectl -n kube-system describe deploy coredns",),
    "policy-blocks-dns": ("kubectl describe netpol/checkout-egress",),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "line"), [(n, line) for n, each in INSTEAD.items() for line in each]
)
def test_another_look_that_shows_the_same_counts_as_much(name, line):
    for other in ("", *FAULTS):
        text = printed(other, 3, line)
        decisive = [look for look in FAULTS[name].path(case(other, 3).world) if look.decides]
        assert any(look.seen_in(line, text) for look in decisive) == (other == name), other
