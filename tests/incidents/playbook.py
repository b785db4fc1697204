"""An on-call who reads: one scripted diagnosis for each fault, from the tools' text alone.

Nothing here knows a world. Each script types commands, takes names out of what they print, and
says whether the text speaks for its fault.
"""

import re
from collections.abc import Callable

Run = Callable[[str], str]


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.strip()]


def _seconds(text: str) -> float:
    if text == "-":
        return 0.0
    return float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])


def _hops(run: Run) -> dict[str, tuple[float, float, float, float]]:
    """Failed here in percent, p50, p95 and the usual p95, seconds, by hop."""
    found = {}
    pattern = r"^(\w+(?: \w+)*?) {2,}([\d.]+)% +(\S+) +(\S+) +(\S+) +(\S+)$"
    for name, failed, p50, p95, _, usual in re.findall(pattern, run("metrics"), re.MULTILINE):
        found[name] = (float(failed), _seconds(p50), _seconds(p95), _seconds(usual))
    return found


def _nodes(run: Run) -> list[str]:
    return [row[0] for row in _rows(run("kubectl get nodes"))[1:]]


def _pods(run: Run, app: str, namespace: str = "shop") -> list[dict[str, str]]:
    rows = _rows(run(f"kubectl get pods -n {namespace} -o wide"))
    found = [{"NAME": row[0], "AGE": row[4], "IP": row[5], "NODE": row[6]} for row in rows[1:]]
    return [pod for pod in found if pod["NAME"].startswith(app + "-")]


def _rates(run: Run, app: str) -> dict[str, int]:
    rows = _rows(run("metrics pods"))
    return {row[0]: int(row[2]) for row in rows[1:] if row[0].startswith(app + "-")}


def _counters(run: Run, node: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in re.findall(r"(\w+)=(\d+)", run(f"ssh {node} conntrack -S")):
        found[name] = found.get(name, 0) + int(value)
    return found


def _edge_errors(run: Run) -> str:
    return run("kubectl logs deploy/edge-proxy -n edge --tail 400")


def conntrack_full(run: Run) -> bool:
    return any(_refused(_counters(run, node)) > 100 for node in _nodes(run))


def _refused(counted: dict[str, int]) -> int:
    return counted["drop"] - counted["insert_failed"]  # clashes count in both


def snat_ports(run: Run) -> bool:
    counted = [_counters(run, node) for node in _nodes(run)]
    return (
        any(each["insert_failed"] > 100 for each in counted)
        and not any(map(_refused, counted))
        and _hops(run)["bank connection"][2] >= 1
    )


def _names(run: Run) -> dict[str, tuple[str, str]]:
    pattern = r"^(.*?) {2,}(\S+) +(\S+)$"
    return {a: (b, c) for a, b, c in re.findall(pattern, run("metrics names"), re.MULTILINE)}


def ndots_amplification(run: Run) -> bool:
    now, usual = _names(run)["questions per lookup"]
    names = set(
        re.findall(
            r'"A IN (api\.bank\S*) ', run("kubectl logs deploy/coredns -n kube-system --tail 60")
        )
    )
    return float(now) > 3 * float(usual) and len(names) == 5


def coredns_throttled(run: Run) -> bool:
    now, usual = _names(run)["questions per lookup"]
    used = [int(row[1][:-1]) for row in _rows(run("kubectl top pods -n kube-system"))[1:]]
    pod = _pods(run, "coredns", "kube-system")[0]["NAME"]
    limit = int(re.findall(r"cpu: +(\d+)m", run(f"kubectl describe pod {pod} -n kube-system"))[0])
    return now == usual and min(used) >= 0.95 * limit


def _silent_pod(run: Run) -> dict[str, str] | None:
    """A ready checkout pod that gets nothing, though others do."""
    rates = _rates(run, "checkout")
    idle = [name for name, rate in rates.items() if rate == 0]
    if len(idle) != 1:
        return None
    return next(pod for pod in _pods(run, "checkout") if pod["NAME"] == idle[0])


def mtu_black_hole(run: Run) -> bool:
    pod = _silent_pod(run)
    if pod is None:
        return False
    other = next(node for node in _nodes(run) if node != pod["NODE"])
    large = run(f"ssh {other} ping -M do -s 8900 {pod['NODE']}")
    small = run(f"ssh {other} ping -M do -s 1400 {pod['NODE']}")
    return "100% packet loss" in large and " 0% packet loss" in small


def tunnel_port_closed(run: Run) -> bool:
    pod = _silent_pod(run)
    if pod is None:
        return False
    return bool(
        re.search(r"-A INPUT .*--dport 4789.* -j DROP", run(f"ssh {pod['NODE']} iptables-save"))
    )


def _idle_ledgers(run: Run) -> list[str]:
    return [name for name, rate in _rates(run, "ledger").items() if rate == 0]


def _minutes(age: str) -> float:
    scale = {"d": 1440, "h": 60, "m": 1, "s": 1 / 60}
    return sum(float(n) * scale[unit] for n, unit in re.findall(r"(\d+)([dhms])", age))


def _described(run: Run, pod: str) -> str:
    return run(f"kubectl describe pod {pod}")


def pinned_channels(run: Run) -> bool:
    idle = _idle_ledgers(run)
    pods = {pod["NAME"]: pod for pod in _pods(run, "ledger")}
    busy = [name for name in pods if name not in idle]
    if not idle or not busy:
        return False
    ageless = all("GRPC_MAX_CONNECTION_AGE" not in _described(run, name) for name in pods)
    young = max(_minutes(pods[name]["AGE"]) for name in idle)
    old = min(_minutes(pods[name]["AGE"]) for name in busy)
    return ageless and young < old


def lopsided_age(run: Run) -> bool:
    idle = _idle_ledgers(run)
    busy = [name for name in _rates(run, "ledger") if name not in idle]
    if not idle or not busy:
        return False
    limited = ["GRPC_MAX_CONNECTION_AGE" in _described(run, name) for name in idle]
    free = ["GRPC_MAX_CONNECTION_AGE" not in _described(run, name) for name in busy]
    return all(limited) and all(free)


def sticky_clients(run: Run) -> bool:
    """Each ledger pod is called by whole clients only: all their channels, or none."""
    callers = {pod["IP"]: 0 for pod in _pods(run, "checkout")}
    whole = True
    for pod in _pods(run, "ledger"):
        peers = re.findall(r" (10\.244\.\S+):\d+ *$", run(f"kubectl exec {pod['NAME']} -- ss -tn"),
                           re.MULTILINE)  # fmt: skip
        for address in callers:
            count = peers.count(address)
            whole = whole and count in (0, 20)
    return whole and "ClientIP" in run("kubectl describe svc ledger")


def policy_blocks_dns(run: Run) -> bool:
    edge = _pods(run, "edge-proxy", "edge")[0]["NAME"]
    mine = [
        run(f"kubectl exec {pod['NAME']} -- nslookup api.bank.example")
        for pod in _pods(run, "checkout")
    ]
    theirs = run(f"kubectl exec {edge} -n edge -- nslookup api.bank.example")
    return all("no servers could be reached" in each for each in mine) and "203.0" in theirs


def policy_blocks_edge(run: Run) -> bool:
    edge = _pods(run, "edge-proxy", "edge")[0]["NAME"]
    targets = _pods(run, "checkout")
    silent = [
        "timed out"
        in run(f"kubectl exec {edge} -n edge -- curl -m 5 -v http://{pod['IP']}:8080/healthz")
        for pod in targets
    ]
    listed = run("kubectl describe netpol -n shop")
    return all(silent) and "NamespaceSelector: kubernetes.io/metadata.name=edge" not in listed


def hints_withheld(run: Run) -> bool:
    crossing = re.findall(r"crossing zones: ([\d.]+)%", run("metrics zones"))
    now, usual = (float(each) for each in crossing)
    slices = run("kubectl get endpointslices -o yaml")
    return now > 40 and usual < 5 and "forZones" not in slices


def local_policy(run: Run) -> bool:
    rows = _rows(run("metrics nodes"))[1:]
    dead = {row[0].split(":")[0] for row in rows if row[3] == "100.0%"}
    homes = {pod["NODE"] for pod in _pods(run, "edge-proxy", "edge")}
    if not dead or dead & homes:
        return False
    return all(
        re.search(r'has no local endpoints" -m \S+ .*-j DROP', run(f"ssh {node} iptables-save"))
        for node in dead
    )


def wrong_target_port(run: Run) -> bool:
    if "111: Connection refused" not in _edge_errors(run):
        return False
    target = re.search(r"TargetPort: +(\d+)/", run("kubectl describe svc checkout"))
    pod = _pods(run, "checkout")[0]["NAME"]
    listens = re.search(r"^ +Port: +(\d+)/TCP", _described(run, pod), re.MULTILINE)
    assert target is not None
    assert listens is not None
    return target[1] != listens[1]


def selector_mismatch(run: Run) -> bool:
    selector = re.search(r"^Selector: +(\S+)", run("kubectl describe svc checkout"), re.MULTILINE)
    assert selector is not None
    pod = _pods(run, "checkout")[0]["NAME"]
    slices = _rows(run("kubectl get endpointslices"))
    empty = [row for row in slices if row[0].startswith("checkout-") and row[3] == "<unset>"]
    return bool(empty) and selector[1] not in _described(run, pod).split()


def short_read_timeout(run: Run) -> bool:
    limit = re.search(r"proxy-read-timeout: (\d+)", run("kubectl describe ingress shop"))
    assert limit is not None
    cut = re.findall(
        r"\] \"GET (/\S+) HTTP/2.0\" 504 .* ([\d.]+) \[shop-checkout-80\]", _edge_errors(run)
    )
    at = {(path, round(float(seconds))) for path, seconds in cut}
    return at == {("/report", int(limit[1]))}


SCRIPTS: dict[str, Callable[[Run], bool]] = {
    "conntrack-full": conntrack_full,
    "ndots-amplification": ndots_amplification,
    "coredns-throttled": coredns_throttled,
    "mtu-black-hole": mtu_black_hole,
    "pinned-channels": pinned_channels,
    "lopsided-age": lopsided_age,
    "sticky-clients": sticky_clients,
    "policy-blocks-dns": policy_blocks_dns,
    "policy-blocks-edge": policy_blocks_edge,
    "hints-withheld": hints_withheld,
    "snat-ports": snat_ports,
    "local-policy": local_policy,
    "wrong-target-port": wrong_target_port,
    "selector-mismatch": selector_mismatch,
    "short-read-timeout": short_read_timeout,
    "tunnel-port-closed": tunnel_port_closed,
}
