"""The command line: what it refuses, what it completes, and that its tools agree."""

import re
from fractions import Fraction

import pytest

from k8snet_lessons.datapath import Packet, parse_iptables_save, reachable
from k8snet_lessons.datapath.nf_conntrack import read_node
from k8snet_lessons.errors import InputError
from k8snet_lessons.incidents import FAULTS, USAGE, Case, Incident, completions, drawn, run
from k8snet_lessons.incidents.channels import channels


def case(name: str, seed: int = 20) -> Case:
    _, world, healthy = drawn(seed, name)
    return Case(world, healthy)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("kubeclt get pods", "kubeclt: command not found"),
        ("kubectl", "known here are get, describe, logs, top, exec, rollout"),
        ("kubectl get bananas", 'the server doesn\'t have a resource type "bananas"'),
        ("kubectl get pod nobody", 'pods "nobody" not found'),
        ("kubectl get pods -n nowhere", 'namespaces "nowhere" not found'),
        ("kubectl get pods -o jsonpath={.items}", "output format"),
        ("kubectl describe svc nothing", '"nothing" not found'),
        ("kubectl logs deploy/nobody", "not found"),
        ("kubectl exec deploy/checkout ls", "behind --"),
        ("kubectl exec deploy/checkout -- rm -rf /", "in a pod there are"),
        ("kubectl exec deploy/coredns -n kube-system -- dig x", "no shell, no tools"),
        ("ssh node-9 dmesg", "one of node-1, node-2"),
        ("ssh node-1 reboot", "command not found"),
        ("ssh node-1 sysctl net.nothing", "No such file or directory"),
        ("ssh node-1 tcpdump -i wlan0", "No such device exists"),
        ("ssh node-1 tcpdump host 10.0.0.1 port 53", "can't parse filter expression"),
        ("ssh node-1 ping -s 99999 node-2", "-s from 0 to 65507"),
        ("metrics everything", "boards are overview"),
        ("metrics ; metrics", "one command at a time"),
        ("metrics | awk 1", "behind a pipe there are grep"),
        ("metrics | grep (", "grep: (:"),
        ("echo 'unclosed", "No closing quotation"),
    ],
)
def test_what_cannot_be_done_is_said_and_costs_nothing(line, said):
    printed = run(case("local-policy"), line)
    assert said in printed.text
    assert (printed.ok, printed.minutes) == (False, 0)


def test_help_lists_every_command_and_costs_nothing():
    printed = run(case("local-policy"), "help")
    assert printed.text == USAGE
    assert printed.minutes == 0


def test_a_pipe_cuts_the_output_and_costs_no_more():
    here = case("local-policy")
    whole = run(here, "kubectl get pods -o wide")
    cut = run(here, "kubectl get pods -o wide | grep ledger | head -2")
    assert cut.text.splitlines() == [x for x in whole.text.splitlines() if "ledger" in x][:2]
    assert cut.minutes == whole.minutes
    assert run(here, "kubectl get pods | grep -c checkout").text == "6\n"


@pytest.mark.parametrize(
    ("begun", "word"),
    [("kub", "kubectl"), ("kubectl get endp", "endpointslices"), ("ssh node-1 conn", "conntrack"),
     ("kubectl logs deploy/ch", "deploy/checkout"), ("kubectl get pods -n ku", "kube-system"),
     ("metrics n", "names")],
)  # fmt: skip
def test_a_begun_word_is_completed(begun, word):
    assert word in completions(case("local-policy"), begun)


def test_an_incident_is_a_value():
    first = Incident(7)
    looked = first.look("metrics").look("nonsense")
    assert (first.minutes, looked.minutes) == (0, 1)
    assert looked == Incident(7).look("metrics").look("nonsense")
    assert first.page.startswith("14:07 PAGE")


@pytest.mark.parametrize("seed", [-1, 1_000_000, True, "7", 1.5])
def test_a_seed_is_checked(seed):
    with pytest.raises(InputError, match="whole number from 0 to 999,999"):
        Incident(seed)


@pytest.mark.parametrize(
    ("cause", "remedy"), [("no-such", "same-zone"), ("local-policy", "no-such")]
)
def test_a_conclusion_is_checked(cause, remedy):
    with pytest.raises(InputError, match="one of"):
        Incident(7).conclude(cause, remedy)


def test_points_follow_cause_fix_evidence_and_time():
    right = Incident(20, "selector-mismatch").look("kubectl describe svc checkout")
    assert right.conclude("selector-mismatch", "selector").total == 100
    blind = Incident(20, "selector-mismatch").conclude("selector-mismatch", "selector")
    assert blind.points == {"cause": 40, "fix": 25, "evidence": 0, "time": 0}
    late = right
    for _ in range(20):
        late = late.look("ssh node-1 tcpdump")
    assert late.conclude("selector-mismatch", "selector").points["time"] == 0
    wrong = right.conclude("wrong-target-port", "target-port")
    assert wrong.points == {"cause": 0, "fix": 0, "evidence": 20, "time": 0}
    assert "No: you named" in wrong.to_text()
    assert "The fix changes nothing" in wrong.to_text()


# --- the tools agree --------------------------------------------------------------------------


@pytest.mark.parametrize("name", FAULTS)
def test_the_rules_send_to_the_endpoints_that_kubectl_lists(name):
    here = case(name)
    node = here.world.nodes[0]
    rules = parse_iptables_save(run(here, f"ssh {node} iptables-save").text)
    described = run(here, "kubectl describe svc checkout").text
    virtual = re.search(r"^IP: +(\S+)", described, re.MULTILINE)[1]
    packet = Packet(src="10.244.0.250", dst=virtual, dport=80, sport=40_000)
    reach = reachable(rules, packet, "pod", local_addresses=[here.world.node_address(0)])
    slices = run(here, "kubectl describe endpointslices").text
    part = next(one for one in slices.split("\n\n\n") if "service-name=checkout" in one)
    port = re.search(r"^  http +(\d+)", part, re.MULTILINE)
    listed = {f"{address}:{port[1]}" for address in re.findall(r"Addresses: +(\S+)", part)}
    assert reach.backends.keys() <= listed
    assert bool(reach.backends) == bool(listed)
    if listed:
        assert sum(reach.backends.values(), Fraction(0)) == 1


@pytest.mark.parametrize("name", ["mtu-black-hole", "tunnel-port-closed", "policy-blocks-edge"])
def test_a_pod_without_requests_has_no_answered_request_in_any_capture(name):
    here = case(name)
    rows = [line.split() for line in run(here, "metrics pods").text.splitlines()[1:]]
    idle = [row[0] for row in rows if row[0].startswith("checkout-") and row[2] == "0"]
    assert idle
    wide = run(here, "kubectl get pods -o wide").text
    for pod in idle:
        address, node = re.search(
            rf"^{pod} .* (10\.244\S+) +(node-\d)", wide, re.MULTILINE
        ).groups()
        text = run(here, f"ssh {node} tcpdump -ni any host {address} -c 400").text
        assert f"IP {address}.8080 >" not in text or "HTTP" not in text


def test_dns_is_counted_alike_by_board_log_and_capture():
    here = case("ndots-amplification")
    board = run(here, "metrics names").text
    assert re.search(r"questions per lookup +10\.0 +2\.0", board)
    log = run(here, "kubectl logs deploy/coredns -n kube-system --tail 200 | grep bank").text
    one = [line for line in log.splitlines() if re.match(r"\[INFO\] (\S+):", line)]
    first = one[0].split()[1].rpartition(":")[0]
    assert sum(f" {first}:" in line for line in one) == 10
    node = here.world.nodes[0]
    address = here.world.pods_of("checkout")[0].address
    seen = run(here, f"ssh {node} tcpdump -ni any host {address} and port 53 -c 400").text
    assert seen.count("? api.bank.example") == 10


def test_the_counter_agrees_with_the_limit_and_the_log():
    here = case("conntrack-full")
    for node in here.world.nodes:
        reading = read_node(run(here, f"ssh {node} sysctl net.netfilter").text)
        count = int(run(here, f"ssh {node} conntrack -C").text)
        assert reading.settings["nf_conntrack_count"] == count
        assert count <= reading.settings["nf_conntrack_max"]
        counters = read_node(run(here, f"ssh {node} conntrack -S").text).counters
        drops = counters["drop"] - counters["insert_failed"]
        log = run(here, f"ssh {node} dmesg").text
        assert (drops > 2_400) == ("table full" in log)


@pytest.mark.parametrize("name", ["policy-blocks-edge", "selector-mismatch", "wrong-target-port"])
def test_who_gets_no_request_asks_for_no_name_and_calls_nobody(name):
    here = case(name)
    assert re.search(r"lookups/s +0 ", run(here, "metrics names").text)
    assert "api.bank" not in run(here, "kubectl logs deploy/coredns -n kube-system --tail 999").text
    for node in here.world.nodes:
        assert "203.0.113.80" not in run(here, f"ssh {node} tcpdump -c 999").text


def test_a_dead_target_of_the_balancer_sees_the_clients_and_answers_none():
    here = case("local-policy")
    rows = [line.split() for line in run(here, "metrics nodes").text.splitlines()[1:]]
    for row in rows:
        node = row[0].partition(":")[0]
        seen = run(here, f"ssh {node} tcpdump -ni any port 30443").text
        assert "Flags [S]," in seen
        assert ("Flags [S.]," in seen) == (row[3] == "0.0%")


def test_curl_waits_as_long_as_the_traffic_does():
    here = case("coredns-throttled")
    board = run(here, "metrics names").text
    p50 = re.search(r"lookup p50 +([\d.]+)(m?s)", board)
    told_s = float(p50[1]) / (1000 if p50[2] == "ms" else 1)
    said = run(here, "kubectl exec deploy/checkout -- curl https://api.bank.example/").text
    assert float(re.search(r"time_namelookup: ([\d.]+)", said)[1]) == pytest.approx(
        told_s, rel=0.01
    )
    report = "kubectl exec deploy/edge-proxy -n edge -- curl http://checkout.shop/report"
    cut = run(case("short-read-timeout"), report).text
    assert float(re.search(r"time_total: ([\d.]+)", cut)[1]) > 3  # curl is not the edge proxy


@pytest.mark.parametrize(
    ("filter_", "wanted"),
    [
        ("tcp", lambda line: "Flags" in line),
        ("udp and not port 443", lambda line: "Flags" not in line),
        ("src 198.51.100.10 or udp", lambda line: "IP 198.51" in line or "Flags" not in line),
        ("host 198.51.100.10 and tcp[tcpflags] & (tcp-syn) != 0",
         lambda line: "198.51.100.10" in line and "Flags [S" in line),
        ("net 198.51.100.0/24 and (dst port 30443 or udp)", lambda line: ".30443: " in line),
        ("not (tcp or udp)", lambda line: False),
    ],
)  # fmt: skip
def test_a_capture_is_filtered_as_pcap_filter_says(filter_, wanted):
    here = case("coredns-throttled")
    line = f"ssh {here.world.nodes[1]} tcpdump -ni any -c 0"
    every = [x for x in run(here, line).text.splitlines() if " IP " in x]
    found = [x for x in run(here, f"{line} '{filter_}'").text.splitlines() if " IP " in x]
    assert found == [x for x in every if wanted(x)]


def test_channels_fall_like_balls_into_bins():
    """The room's own channels against lesson 10's closed form: pods (1 - 1/pods)^channels idle."""
    idle = []
    for seed in range(12):
        _, _, healthy = drawn(seed, "local-policy")
        idle += [8 - len(set(row)) for row in channels(healthy).tolist()]
    assert sum(idle) / len(idle) == pytest.approx(8 * (7 / 8) ** 20, abs=0.25)


def test_a_capture_of_questions_waits_as_long_as_dig_does():
    here = case("coredns-throttled")
    said = run(here, "kubectl exec deploy/checkout -- dig api.bank.example").text
    told_ms = int(re.search(r"Query time: (\d+) msec", said)[1])
    pod = here.world.pods_of("checkout")[0]
    line = f"ssh {here.world.nodes[pod.place]} tcpdump -ni any host {pod.address} and port 53"
    packets = re.findall(r"^..:..:(\S+) .*?: (\d+)\+? (A\?|1/0/0 A)", run(here, line).text, re.M)
    asked, answered = (float(at) for at, *_ in packets[:2])
    assert packets[0][1] == packets[1][1]
    assert 1_000 * (answered - asked) == pytest.approx(told_ms, abs=2)
