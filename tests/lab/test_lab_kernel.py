"""The quick lab on this machine's kernel: shapes with wide bounds, counts exactly.

Nothing here asks how fast the machine is. A slope may be several times the shipped one and a
ratio far from it; what must hold is which datapath grows, what is refused, what is counted.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from k8snet_lessons.data import measured
from k8snet_lessons.lab.hosts import Topology
from k8snet_lessons.lab.traffic import capture_frame, send_datagrams, tap_on
from k8snet_lessons.traffic import expected_idle

ROOT = Path(__file__).resolve().parents[2]
SYSCTL = Path("/proc/sys/net/netfilter")

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(sys.platform != "linux", reason="the lab measures Linux kernels"),
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="the lab's tests need root"
    ),
]


def k8snet(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "k8snet_lessons", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **options,
    )


@pytest.fixture(scope="session")
def taken(tmp_path_factory):
    """The folder of the session's records, and those that are in it by name."""
    return tmp_path_factory.mktemp("measured"), {}


@pytest.fixture
def quick(taken, request):
    """Measure an experiment in its quick form, once a session, and again for a second try."""
    folder, records = taken
    stale = set(records) if getattr(request.node, "execution_count", 1) > 1 else set()

    def measure(name):
        if name not in records or name in stale:
            stale.discard(name)
            done = k8snet("measure", name, "--quick", "--json", "--into", str(folder))
            told = json.loads(done.stdout.splitlines()[-1])
            if told["status"] == "cannot run here":
                pytest.skip(f"{name}: {told['reason']}")
            assert done.returncode == 0, told
            records[name] = measured.read(folder / f"{name}.json")
        return records[name]

    return measure


def at(record, packet, mode, services, target="last"):
    return record.one(packet, mode=mode, services=services, target=target).minimum


@pytest.mark.parametrize(
    ("mode", "low_ns", "high_ns"), [("iptables-legacy", 1, 60), ("iptables-nft", 3, 120)]
)
def test_the_first_packet_pays_for_every_service_before_its_own(quick, mode, low_ns, high_ns):
    record = quick("first-packet")
    grown_us = at(record, "connect", mode, 2500) - at(record, "connect", mode, 1)
    assert low_ns < grown_us * 1000 / 2500 < high_ns
    for_the_first_us = at(record, "connect", mode, 2500, "first")
    assert for_the_first_us - at(record, "connect", mode, 1) < grown_us / 2


@pytest.mark.parametrize("mode", ["nftables", "ebpf"])
def test_a_map_costs_the_same_for_any_number_of_services(quick, mode):
    record = quick("first-packet")
    if mode == "ebpf" and record.findings["ebpf"] != "measured":
        pytest.skip(record.findings["ebpf"])
    walked_us = at(record, "connect", "iptables-nft", 2500) - at(
        record, "connect", "iptables-nft", 1
    )
    grown_us = at(record, "connect", mode, 2500) - at(record, "connect", mode, 1)
    assert abs(grown_us) < walked_us / 3


@pytest.mark.parametrize("mode", ["iptables-legacy", "iptables-nft", "nftables"])
def test_later_packets_do_not_walk_the_rules(quick, mode):
    record = quick("first-packet")
    for packet in ("first send", "second send"):
        with_many = at(record, packet, mode, 2500)
        assert with_many < 1.6 * at(record, packet, mode, 1)


def test_tracking_costs_something_before_any_rule_is_walked(quick):
    record = quick("first-packet")
    plain = record.one("connect", mode="direct").minimum
    assert record.one("connect", mode="conntrack").minimum > plain


def test_loading_grows_and_nft_adds_one_for_less_than_it_loads_all(quick):
    record = quick("loading")
    for mode in ("iptables-legacy", "iptables-nft", "nftables, goto"):
        full = record.one("full load", mode=mode, services=2000).minimum
        assert full > record.one("full load", mode=mode, services=500).minimum
        if mode != "iptables-legacy":  # which replaces the whole table for every change
            assert record.one("one Service added", mode=mode, services=2000).minimum < full


def test_a_table_takes_exactly_its_maximum_and_established_flows_live_on(quick):
    before = (SYSCTL / "nf_conntrack_max").read_text()
    for setting in quick("conntrack-full").findings["by_setting"]:
        assert setting["accepted"] == setting["max"] == setting["count_after"]
        assert setting["alive"] == setting["accepted"]
        assert setting["dropped"] == setting["refused_syns"] >= 1
        # Never sooner than the limit divided by the rate; how much later is this machine's affair.
        assert setting["refused_after_s"] > setting["predicted_s"] - 0.01
    assert (SYSCTL / "nf_conntrack_max").read_text() == before


def test_how_densely_the_table_is_filled_decides_whether_a_victim_is_found(quick):
    record = quick("early-drop")
    attempts = record.parameters["attempts"]
    # A victim is looked for in a few buckets: now and then even a dense table has none there.
    assert record.one("got in", buckets=2048).samples[0] > 0.9 * attempts
    assert record.one("got in", buckets=262_144).samples[0] < attempts / 3


def test_the_counter_runs_past_what_is_alive(quick):
    findings = quick("conntrack-life").findings
    for each in findings["occupancy"]:
        live = each["live_by_littles_law"]
        assert each["largest_count"] > 1.2 * live
        assert each["alive_at_least"] <= each["listed_at_the_end"] <= each["alive_at_most"]
        assert each["count_after_listing"] < each["largest_count"]
    assert [each["state"] for each in findings["time_wait"]] == ["TIME_WAIT"]


@pytest.mark.parametrize(("linear", "ladder"), [(0, [0, 1, 3]), (4, [0, 1, 2, 3, 4])])
def test_the_ladder_of_syns_follows_the_kernel_setting(quick, linear, ladder):
    record = quick("syn-retries")
    if not record.find("SYN sent", tcp_syn_linear_timeouts=linear):
        pytest.skip("this kernel has no tcp_syn_linear_timeouts (it came with 6.5)")
    sent = record.one("SYN sent", tcp_syn_linear_timeouts=linear).samples
    assert list(sent) == pytest.approx(ladder, abs=0.35)


def test_translation_has_as_many_connections_as_ports_and_remembers_its_backend(quick):
    findings = quick("nat").findings
    for each in findings["masquerade"]:
        assert each["connected"] == each["ports"]
        assert each["refused"] == each["attempts"] - each["ports"]
        # One for each SYN, and on a busy machine some are sent again before they are counted.
        assert each["insert_failed"] == each["refused_syns"] >= each["refused"]
    told = findings["udp_flow_answered_by"]
    assert told["rules now name the second pod"] == told["before"] != told["a new flow"]
    assert told["after conntrack -D"] == told["a new flow"]
    flushed, deleted = findings["tcp_connection_after"].values()
    assert flushed == {"echoes": 6, "came_back": 6, "new_connections": 0}
    assert deleted["came_back"] < deleted["echoes"]


def test_a_clash_of_two_queries_loses_neither(quick):
    record = quick("dns-race")
    assert record.findings["both_answered"] == record.parameters["pairs"]
    assert record.findings["drop"] == 0


def test_every_resolver_asks_what_the_model_says(quick):
    record = quick("lookups")
    assert set(record.findings["unlike_the_model"].values()) == {0}
    for each in record.find("queries", resolv_conf="pod, ndots:5", name="api.stripe.com"):
        assert each.samples == (8,)
    for each in record.find("queries", resolv_conf="pod, ndots:2", name="api.stripe.com"):
        assert each.samples == (2,)


def test_silence_and_refusal_feel_as_the_course_says(quick):
    record = quick("refusals")
    said = record.findings["said"]
    assert said["drop"] == "no answer"
    assert said["reject with icmp port-unreachable"] == "ECONNREFUSED"
    assert said["reject with tcp reset"] == "ECONNREFUSED"
    assert said["reject with icmp admin-prohibited"] == "EHOSTUNREACH"
    assert said["an address that no pod has"] == "EHOSTUNREACH"
    assert said["a ClusterIP without rules or route"] == "ENETUNREACH"
    assert said["no rule, a server listens"] == "connected"
    silence_us = record.one("connect() returns", case="drop").minimum
    assert silence_us >= record.parameters["timeout_s"] * 1e6
    assert record.one("connect() returns", case="reject with tcp reset").minimum < silence_us / 10
    burst = record.findings["burst_of_20"]
    assert burst["reject with tcp reset"] == {"ECONNREFUSED": 20}
    assert 0 < burst["reject with icmp port-unreachable"]["no answer"] < 20, (
        "ICMP errors are rate-limited, so part of a burst is met with silence"
    )


def test_a_proxy_repeats_a_get_and_never_a_post_that_a_pod_has(quick):
    record = quick("edge-patience")
    told = {
        (each["case"], each["method"], each["think_s"]): each for each in record.findings["answers"]
    }
    for method, begun in (("GET", 2), ("POST", 1)):
        assert told["slow pod", method, 0.5]["status"] == 200
        slow = told["slow pod", method, 10]
        assert (slow["status"], slow["begun"]) == (504, begun)
        assert told["packets dropped", method, 0]["status"] == 504
        assert told["port closed", method, 0]["status"] == 502
        assert told["kept connection, closed before", method, 0]["status"] == 200
    racing = "kept connection, closed as the request arrives"
    assert told[racing, "GET", 0]["status"] == 200
    assert told[racing, "POST", 0]["status"] == 502
    for case, think_s, least_s in (("slow pod", 10, 6.0), ("packets dropped", 0, 2.0)):
        waited = record.one("the client waits", case=case, method="GET", think_s=think_s)
        assert waited.minimum >= least_s, "two tries, of three seconds to read or one to connect"


def test_a_set_of_peers_costs_the_same_at_any_size(quick):
    record = quick("policy-rules")

    def level(packet, form, peers):
        return record.one(packet, form=form, peers=peers).minimum

    def growth(packet, form):
        return level(packet, form, 1000) - level(packet, form, 1)

    assert growth("connect", "a rule for each peer") > 1.0
    assert growth("second send", "a rule for each peer, every packet") > 1.0
    for packet, form in (
        ("connect", "one set"),
        ("second send", "one set"),
        ("second send", "a rule for each peer"),
    ):
        assert growth(packet, form) < 0.5 * growth("connect", "a rule for each peer")


def test_packets_that_do_not_fit_vanish_only_when_nobody_says_so(quick):
    back = {
        (each["case"], each["size_bytes"]): each["came_back_bytes"]
        for each in quick("mtu").findings["came_back"]
    }
    for case, size_bytes in back:
        if size_bytes == 100:
            assert back[case, 100] == 100
    assert back["pod MTU as the tunnel's", 20_000] == 20_000
    assert back["pod MTU too large", 20_000] == 20_000
    assert back["pod MTU too large, no ICMP", 20_000] == 0
    assert back["pod MTU too large, no ICMP, MSS clamped", 20_000] == 20_000


def test_a_capture_passes_over_the_error_that_quotes_a_datagram():
    with Topology() as topology:
        client, server = topology.host("client"), topology.host("server")
        topology.connect(client, server, "10.0.0.1/24", "10.0.0.2/24", ("eth0", "eth0"))
        server.start(two_captures, b"marker")
        while not server.answered():
            client.call(send_datagrams, "10.0.0.2", 9, b"marker".ljust(56, b"."), 4, 0.02)
        came_in, quoted = server.result()
    assert came_in == 56 + 8 + 20 + 14
    assert quoted == came_in + 28, "the error that answers quotes the datagram in its own headers"


def two_captures(marker):
    """What `capture_frame` finds, and the longest frame with the marker, whichever its way."""
    came_in = capture_frame("eth0", marker, 30.0)
    longest = 0
    with tap_on("eth0") as tap:
        tap.settimeout(30.0)
        while longest <= came_in:
            frame = tap.recv(1 << 16)
            longest = max(longest, len(frame) if marker in frame else 0)
    return came_in, longest


def test_a_tunnel_adds_its_headers_to_every_packet(quick):
    record = quick("overlay")
    for routed in record.find("frame", carried="routed"):
        payload_bytes = routed.where["payload_bytes"]
        assert routed.samples[0] == payload_bytes + 8 + 20 + 14
        for carried, overhead in (("vxlan", 50), ("vxlan over IPv6", 70), ("ipip", 20)):
            for tunnel in record.find("frame", carried=carried, payload_bytes=payload_bytes):
                assert tunnel.samples[0] - routed.samples[0] == overhead
    mtu_bytes = record.findings["pod_mtu_bytes"]
    assert (mtu_bytes["routed"], mtu_bytes["vxlan"], mtu_bytes["vxlan over IPv6"]) == (
        1500,
        1450,
        1430,
    )
    plain = record.one("round trip", carried="routed", payload_bytes=56).minimum
    assert 1.0 < record.one("round trip", carried="vxlan", payload_bytes=56).minimum / plain < 4


def test_the_key_decides_what_a_handshake_costs(quick):
    record = quick("tls-handshake")

    def server(key, kind):
        return record.one("handshake CPU", key=key, kind=kind, end="server").minimum

    assert server("rsa-2048", "full") > 1.2 * server("ecdsa-p256", "full")
    assert server("rsa-2048", "resumed") < server("rsa-2048", "full")


def test_a_connection_a_request_costs_the_proxy_more(quick):
    record = quick("proxy")
    pooled = record.one("CPU a request", proxy="nginx").minimum
    assert record.one("CPU a request", proxy="nginx, a connection a request").minimum > 1.3 * pooled


def test_requests_stay_on_two_pods_unless_something_chooses_anew(quick):
    record = quick("grpc-pinning")

    def asked(case, pods=20):
        return record.one("requests", case=case, pods=pods).samples

    def idle(case):
        return sum(count == 0 for count in asked(case))

    assert idle("headless, round_robin") == 18
    for case in ("a Service", "headless, pick_first", "headless, round_robin"):
        assert asked(case)[2:] == (0,) * 18
    assert idle("a Service, age 1 s") < 18
    assert idle("headless, round_robin, age 1 s, asks each second") == 0
    for proxy in ("HAProxy", "Envoy"):
        if record.find("requests", case=proxy):
            assert max(asked(proxy, 2)) - min(asked(proxy, 2)[:2]) <= 2
            # From when it knows of them: one hears of it later than another.
            newcomers = asked(proxy)[2:]
            assert max(newcomers) - min(newcomers) <= 3 < min(newcomers)
    lost = record.findings["unanswered_leaving"]
    # Half of what is sent while the rules still name the half that has gone.
    meanwhile = record.findings["asked_while_the_rules_named_the_gone"]
    assert lost["preStop 0 s"] > meanwhile["preStop 0 s"] / 10
    assert meanwhile["preStop 1.5 s"] == 0
    assert lost["preStop 1.5 s"] < lost["preStop 0 s"] / 2
    fresh = record.one("idle pods", case="channels opened on 20 pods").samples
    assert sum(fresh) / len(fresh) == pytest.approx(expected_idle(20, 10), abs=1.5)


def test_a_record_is_set_beside_the_shipped_one(quick, tmp_path):
    record = quick("mtu")
    record.write(tmp_path)
    done = k8snet("measure", "mtu", "--compare", "--quick", "--json", "--into", str(tmp_path))
    assert done.returncode == 0, done.stderr
    compared = json.loads(done.stdout.splitlines()[-1])
    assert compared["experiment"] == "mtu"
    assert all(row["ratio"] > 0 for row in compared["series"])


def marked_processes(mark):
    """Processes that carry ``mark`` in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def hear_interrupts():
    """What was started in the background of a shell ignores them, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("name", "processes", "number"),
    [
        # Itself, two that clean up after it, and the three hosts of its first setting.
        *(("conntrack-full", 6, each) for each in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)),
        # Itself and four servers, from inside of asyncio.
        *(("retry-storm", 5, each) for each in (signal.SIGKILL, signal.SIGTERM)),
    ],
)
def test_whatever_ends_a_run_nothing_of_it_stays(name, processes, number, tmp_path):
    told = {each["name"]: each for each in json.loads(k8snet("lab-check", "--json").stdout)[
        "experiments"
    ]}  # fmt: skip
    if told[name]["missing"]:
        pytest.skip(f"{name}: {told[name]['missing']}")
    before = (SYSCTL / "nf_conntrack_max").read_text()
    scratch, records = tmp_path / "scratch", tmp_path / "records"
    scratch.mkdir()
    mark = f"k8snet-{uuid.uuid4()}"
    command = [sys.executable, "-m", "k8snet_lessons", "measure", name, "--quick"]
    running = subprocess.Popen(
        [*command, "--into", str(records)],
        cwd=ROOT,
        env={**os.environ, "K8SNET_TEST_MARK": mark, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=hear_interrupts,
    )
    try:
        deadline = time.monotonic() + 60
        while len(marked_processes(mark)) < processes:
            if running.poll() is not None:
                said = running.communicate()[0]
                if "cannot run here" in said:  # another run of the lab is under way
                    pytest.skip(said[-300:])
                pytest.fail(said)
            assert time.monotonic() < deadline, "it never came so far"
            time.sleep(0.01)
        if name == "conntrack-full":
            assert (SYSCTL / "nf_conntrack_max").read_text() != before
        running.send_signal(number)
        said = running.communicate(timeout=60)[0]
        deadline = time.monotonic() + 60
        while marked_processes(mark) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert marked_processes(mark) == []
        assert (SYSCTL / "nf_conntrack_max").read_text() == before
    finally:
        running.kill()  # whatever failed here must not keep the machine's settings
    assert list(scratch.iterdir()) == list(records.iterdir()) == []
    assert running.returncode == (1 if number != signal.SIGKILL else -signal.SIGKILL)
    if number != signal.SIGKILL:
        assert f"{name}: stopped by {number.name}" in said
    assert "Traceback" not in said


def test_most_of_the_lab_runs_without_the_real_root(tmp_path):
    inside = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow user namespaces")

    def unprivileged(*arguments):
        command = [*inside, sys.executable, "-m", "k8snet_lessons", *arguments]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )

    told = json.loads(unprivileged("lab-check", "--json").stdout)["experiments"]
    missing = {each["name"]: " ".join(each["missing"]) for each in told}
    assert "nf_conntrack_max" in missing["conntrack-full"]
    assert not missing["mtu"]
    refused = unprivileged("measure", "conntrack-full", "--quick", "--into", str(tmp_path))
    assert "cannot run here" in refused.stdout
    done = unprivileged("measure", "mtu", "--quick", "--into", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert measured.read(tmp_path / "mtu.json").findings["came_back"]
