"""How long a real NGINX keeps its client waiting, and with which answer.

Three addresses lead to one pod, so that each try has another address to go to. The pod waits as
long as the path says and counts the requests that reach it. A second pod keeps connections open
and closes one just as the next request arrives on it, or a while before.
"""

import http.client
import json
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from k8snet_lessons.data.measured import Scalar, Series
from k8snet_lessons.lab.errors import LabError
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.hosts import Host, Topology
from k8snet_lessons.lab.needs import NAMESPACES, program
from k8snet_lessons.lab.traffic import PATIENCE_S, serve, until_it_listens

FRONT_PORT, SLOW_PORT, DROPPED_PORT, SHUT_PORT = 8000, 9001, 9002, 9003
RACING_PORT, LEAVING_PORT = 9004, 9005
IDLE_S = 0.5  # after so long the leaving pod closes a connection that nobody uses
PAUSE_S = 1.0  # between a request that leaves a connection behind and the one that is timed
ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")

_DROP = f"""
table ip gone {{
  chain input {{
    type filter hook input priority filter; policy accept;
    tcp dport {DROPPED_PORT} drop
  }}
}}
"""
_CONFIG = """
user root;
worker_processes 1;
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.error;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_next_upstream error timeout;
{upstreams}
  server {{
    listen 127.0.0.1:{front} backlog=512;
{locations}
  }}
}}
"""


@dataclass(frozen=True)
class Ask:
    """One request: to which kind of pod, through which time-outs."""

    case: str
    port: int
    method: str
    think_s: float
    connect_s: int
    read_s: int
    tries: int

    @property
    def where(self) -> dict[str, Scalar]:
        return {
            "case": self.case,
            "method": self.method,
            "think_s": self.think_s,
            "connect_s": self.connect_s,
            "read_s": self.read_s,
            "tries": self.tries,
        }

    @property
    def location(self) -> str:
        return f"/{self.port}-{self.connect_s}-{self.read_s}-{self.tries}/"


def _asks(quick: bool) -> list[Ask]:
    connect_s = 1 if quick else 5
    settings = ((3, 2),) if quick else ((15, 3), (15, 1), (5, 3))
    thinks_s = (0.5, 10) if quick else (1, 4, 10, 14, 16, 20, 30, 60, 80)
    read_s, tries = settings[0]
    asks = [
        Ask("slow pod", SLOW_PORT, method, think_s, connect_s, *setting)
        for setting in settings
        for method in ("GET", "POST")
        for think_s in thinks_s
    ]
    return asks + [
        Ask(case, port, method, 0, connect_s, read_s, tries)
        for case, port in (
            ("packets dropped", DROPPED_PORT),
            ("port closed", SHUT_PORT),
            ("kept connection, closed as the request arrives", RACING_PORT),
            ("kept connection, closed before", LEAVING_PORT),
        )
        for method in ("GET", "POST")
    ]


def _config(folder: Path, asks: list[Ask]) -> str:
    upstreams, locations = {}, {}
    for ask in asks:
        servers = "".join(f" server {each}:{ask.port} max_fails=0;" for each in ADDRESSES)
        # Only the pods that are about kept connections have a pool; one address is enough there.
        kept = ask.port in (RACING_PORT, LEAVING_PORT)
        if kept:
            servers = f" server {ADDRESSES[0]}:{ask.port} max_fails=0; keepalive 4;"
        upstreams[ask.port] = f"  upstream pods{ask.port} {{{servers} }}"
        locations[ask.location] = (
            f"    location {ask.location} {{ proxy_pass http://pods{ask.port}/; "
            f"proxy_connect_timeout {ask.connect_s}s; proxy_read_timeout {ask.read_s}s; "
            f"proxy_next_upstream_tries {ask.tries}; }}"
        )
    return _CONFIG.format(
        folder=folder,
        front=FRONT_PORT,
        upstreams="\n".join(upstreams.values()),
        locations="\n".join(locations.values()),
    )


def slow_pod(address: str, port: int) -> None:
    """Answer after as many seconds as the path says; tell at ``/begun`` who was begun how often."""
    begun: dict[str, int] = {}
    lock = threading.Lock()

    class Pod(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/begun":
                body = json.dumps(begun).encode()
            else:
                _, case, think_s = self.path.split("/")
                with lock:
                    begun[case] = begun.get(case, 0) + 1
                time.sleep(float(think_s))
                body = b"done"
            try:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the proxy had enough of waiting

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing: the lab's output is its record."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 512
        daemon_threads = True

    Server((address, port), Pod).serve_forever()


def keeping_pod(address: str, port: int, idle_s: float | None) -> None:
    """Answer the first request of each connection, and close it on the second or when idle.

    With ``idle_s`` none, the second request is read and never answered: the close and the
    request have passed each other on the way.
    """
    listener = socket.create_server((address, port), backlog=64)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_keep, args=(connection, idle_s), daemon=True).start()


def _keep(connection: socket.socket, idle_s: float | None) -> None:
    with connection:
        try:
            if connection.recv(65536):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
            connection.settimeout(idle_s)
            connection.recv(65536)
        except OSError:
            return  # idle for too long, or the proxy has gone


def ask_all(asks: list[tuple[str, str]], patience_s: float) -> list[tuple[int, float]]:
    """Send (method, path) requests at once; status and seconds to the end of each answer."""
    found: list[tuple[int, float]] = [(0, 0.0)] * len(asks)

    def one(place: int, method: str, path: str) -> None:
        client = http.client.HTTPConnection("127.0.0.1", FRONT_PORT, timeout=patience_s)
        start = time.monotonic()
        client.request(method, path, body=b"x" if method == "POST" else None)
        answer = client.getresponse()
        answer.read()
        found[place] = answer.status, time.monotonic() - start
        client.close()

    threads = [threading.Thread(target=one, args=(i, *ask)) for i, ask in enumerate(asks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _kept(edge: Host, ask: Ask) -> tuple[int, float]:
    """Leave a connection behind in the proxy's pool, wait, and send the request to be timed."""
    edge.call(ask_all, [("GET", f"{ask.location}warm")], 30.0)
    time.sleep(PAUSE_S)
    if ask.port == LEAVING_PORT and not edge.call(_closed, ask.port):
        raise LabError("the pod did not close the connection that it had kept")
    status, seconds = edge.call(ask_all, [(ask.method, f"{ask.location}timed")], 30.0)[0]
    return status, seconds


def _closed(port: int) -> bool:
    """Wait until the proxy, too, has closed every connection to this port."""
    deadline = time.monotonic() + PATIENCE_S
    open_ends = {(f":{port:04X}", "01"), (f":{port:04X}", "08")}  # ESTABLISHED, CLOSE_WAIT
    while time.monotonic() < deadline:
        ends = (line.split()[2:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        if not any((remote[-5:], state) in open_ends for remote, state in ends):
            return True
        time.sleep(0.02)
    return False


def _begun(port: int) -> dict[str, int]:
    client = http.client.HTTPConnection(ADDRESSES[0], port, timeout=30)
    client.request("GET", "/begun")
    return dict(json.loads(client.getresponse().read()))


def _body(run: Run) -> Result:
    asks = _asks(run.quick)
    patience_s = max(ask.tries * max(ask.read_s, ask.connect_s) for ask in asks) + 30.0
    with Topology() as topology:
        edge = topology.host("edge")
        edge.run(["nft", "-f", "-"], _DROP)
        serve(edge, slow_pod, "0.0.0.0", SLOW_PORT)
        serve(edge, keeping_pod, ADDRESSES[0], RACING_PORT, None)
        serve(edge, keeping_pod, ADDRESSES[0], LEAVING_PORT, IDLE_S)
        config = topology.directory / "nginx.conf"
        config.write_text(_config(topology.directory, asks))
        edge.launch(["nginx", "-c", str(config), "-e", f"{topology.directory}/nginx.error"])
        until_it_listens(edge, FRONT_PORT)
        run.progress(0.0, f"{len(asks)} requests, most of them at once")
        kept = [ask for ask in asks if ask.port in (RACING_PORT, LEAVING_PORT)]
        rest = [ask for ask in asks if ask not in kept]
        answers = {ask: _kept(edge, ask) for ask in kept}
        paths = [(a.method, f"{a.location}{i}/{a.think_s}") for i, a in enumerate(rest)]
        # A host's calls have a time-out of their own, so this one is started and waited for.
        edge.start(ask_all, paths, patience_s)
        answers |= dict(zip(rest, edge.result(patience_s + 10), strict=True))
        begun = edge.call(_begun, SLOW_PORT)
    told = [
        {**ask.where, "status": answers[ask][0]}
        | ({"begun": begun.get(str(rest.index(ask)), 0)} if ask.port == SLOW_PORT else {})
        for ask in asks
    ]
    return Result(
        parameters={
            "addresses": len(ADDRESSES),
            "proxy_next_upstream": "error timeout",
            "idle_s": IDLE_S,
            "pause_s": PAUSE_S,
            "workers": 1,
        },
        series=tuple(
            Series("the client waits", "s", ask.where, (round(answers[ask][1], 3),)) for ask in asks
        ),
        findings={"answers": told},
    )


EDGE_PATIENCE = Experiment(
    name="edge-patience",
    question="How long does a proxy with time-outs and tries keep its client waiting?",
    limits=(
        "One NGINX with its own round robin stands for an ingress controller, whose balancer may "
        "choose otherwise; each wait was taken once, since a timer decides it and not the machine."
    ),
    needs=(NAMESPACES, program("nginx", "nft")),
    tools=("nginx", "nft"),
    bound_s=(150.0, 120.0),
    body=_body,
)
