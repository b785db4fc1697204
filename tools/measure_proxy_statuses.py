"""Measure what real proxies answer when the pod behind them cannot be reached.

Root, Linux, and nginx, HAProxy and Envoy on the path (or ENVOY=/path/to/envoy). Everything
happens in a network namespace of its own and on its loopback interface:

    unshare --net python tools/measure_proxy_statuses.py > k8snet_lessons/data/proxy_statuses.json
"""

import http.client
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

PORTS = {"nginx": 8001, "haproxy": 8002, "envoy": 8003}
CONNECT_S, READ_S = 4, 6
FAULTS = {  # name -> (address the proxy connects to, port)
    "healthy": ("127.0.0.1", 9001),
    "refused": ("127.0.0.1", 9002),  # nobody listens: RST
    "rejected": ("127.0.0.1", 9003),  # a REJECT rule: ICMP port unreachable
    "dropped": ("127.0.0.1", 9004),  # a DROP rule: silence
    "no_host": ("10.200.0.2", 9005),  # a pod address that nobody has: ARP fails
    "slow": ("127.0.0.1", 9006),  # accepts, and is silent past the read time-out
    "closed": ("127.0.0.1", 9007),  # takes the request and closes without an answer
}


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True)


def serve(port: int, behave: str) -> None:
    """Serve a port: answer, stay silent past the read time-out, or close."""

    def one(connection: socket.socket) -> None:
        with connection:
            connection.recv(65536)
            if behave == "slow":
                time.sleep(READ_S + 3)
            if behave == "healthy":
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    def loop() -> None:
        server = socket.create_server(("127.0.0.1", port))
        while True:
            threading.Thread(target=one, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def prepare() -> None:
    """Make the namespace's network, its two rules and its servers."""
    if len(socket.if_nameindex()) > 1:
        names = [name for _, name in socket.if_nameindex()]
        raise SystemExit(f"not in a network namespace of its own: it has {names}")
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "pod0", "type", "veth", "peer", "name", "pod1")
    run("ip", "link", "set", "pod0", "up")
    run("ip", "link", "set", "pod1", "up")
    run("ip", "address", "add", "10.200.0.1/24", "dev", "pod0")
    drop = ["iptables", "-A", "INPUT", "-p", "tcp", "--dport"]
    run(*drop, "9004", "-j", "DROP")
    run(*drop, "9003", "-j", "REJECT", "--reject-with", "icmp-port-unreachable")
    for name in ("healthy", "slow", "closed"):
        serve(FAULTS[name][1], name)


def configurations(folder: Path) -> dict[str, list[str]]:
    """Write the proxies' configurations and return their commands."""
    nginx = "\n".join(
        f"location /{name} {{ proxy_pass http://{host}:{port}/; }}"
        for name, (host, port) in FAULTS.items()
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null;\n"
        "events {}\nhttp { access_log off;\n"
        f"proxy_connect_timeout {CONNECT_S}s; proxy_read_timeout {READ_S}s;\n"
        f"server {{ listen 127.0.0.1:{PORTS['nginx']};\n{nginx}\n}} }}\n"
    )
    rules = "\n".join(f"use_backend {name} if {{ path_beg /{name} }}" for name in FAULTS)
    backends = "\n".join(
        f"backend {name}\n  server one {host}:{port}" for name, (host, port) in FAULTS.items()
    )
    (folder / "haproxy.cfg").write_text(
        "defaults\n  mode http\n  retries 0\n  timeout client 30s\n"
        f"  timeout connect {CONNECT_S}s\n  timeout server {READ_S}s\n"
        f"frontend in\n  bind 127.0.0.1:{PORTS['haproxy']}\n  {rules}\n"
        f"{backends}\nbackend none\n"
    )

    def cluster(name: str, hosts: list[tuple[str, int]]) -> dict[str, object]:
        endpoints = [
            {"endpoint": {"address": {"socket_address": {"address": h, "port_value": p}}}}
            for h, p in hosts
        ]
        return {
            "name": name, "type": "STATIC", "connect_timeout": f"{CONNECT_S}s",
            "load_assignment": {
                "cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]
            },
        }  # fmt: skip

    routes = [
        {"match": {"prefix": f"/{name}"}, "route": {"cluster": name, "timeout": f"{READ_S}s"}}
        for name in [*FAULTS, "no_endpoints"]
    ]
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": routes}]},
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
    }
    listener = {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": PORTS["envoy"]}},
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    clusters = [cluster(name, [where]) for name, where in FAULTS.items()]
    clusters.append(cluster("no_endpoints", []))
    static = {"listeners": [listener], "clusters": clusters}
    (folder / "envoy.json").write_text(json.dumps({"static_resources": static}))
    envoy = os.environ.get("ENVOY", shutil.which("envoy") or "envoy")
    return {
        "nginx": ["nginx", "-c", str(folder / "nginx.conf")],
        "haproxy": ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")],
        "envoy": [envoy, "-c", str(folder / "envoy.json"), "-l", "off", "--concurrency", "1"],
    }


def ask(proxy: str, fault: str) -> dict[str, object]:
    """Send one request and note status and time."""
    start = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", PORTS[proxy], timeout=20)
    connection.request("GET", f"/{fault}")
    answer = connection.getresponse()
    answer.read()
    return {"status": answer.status, "seconds": round(time.monotonic() - start, 2)}


def version(command: str, *arguments: str) -> str:
    """Return the first line of a program's version."""
    done = subprocess.run([command, *arguments], capture_output=True, text=True)
    return (
        (done.stdout + done.stderr)
        .strip()
        .splitlines()[0]
        .split("version")[-1]
        .strip(" :/")
        .split(" 20")[0]
    )


def main() -> None:
    """Measure and print the record."""
    prepare()
    with tempfile.TemporaryDirectory() as name:
        commands = configurations(Path(name))
        running = [
            subprocess.Popen(command, stdout=sys.stderr, stderr=sys.stderr)
            for command in commands.values()
        ]
        try:
            time.sleep(3)
            found = {proxy: {fault: ask(proxy, fault) for fault in FAULTS} for proxy in commands}
            found["haproxy"]["no_endpoints"] = ask("haproxy", "other")
            found["envoy"]["no_endpoints"] = ask("envoy", "no_endpoints")
        finally:
            for one in running:
                one.terminate()
    record = {
        "about": "Status that a proxy gives its client when the pod behind it fails, one try, "
        f"connect time-out {CONNECT_S} s, read time-out {READ_S} s",
        "measured": datetime.now(UTC).date().isoformat(),
        "by": "tools/measure_proxy_statuses.py",
        "kernel": platform.release().split("-")[0],
        "versions": {
            "nginx": version("nginx", "-v"),
            "haproxy": version("haproxy", "-v"),
            "envoy": version(commands["envoy"][0], "--version").split("/")[1],
        },
        "answers": found,
    }
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
