"""What one request costs a reverse proxy, in its own CPU time.

The proxy has one worker. How long it ran is read from the scheduler's account of that process
before and after a run, so whoever else uses the machine disturbs the rate but hardly the cost.
"""

import random
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab.errors import LabError
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.hosts import Host, Topology
from k8snet_lessons.lab.needs import NAMESPACES, program
from k8snet_lessons.lab.tls import self_signed
from k8snet_lessons.lab.traffic import until_it_listens

FRONT_PORT, BACK_PORT = 8000, 8001
BODY_BYTES = 10_240

_NGINX = """
user root;
worker_processes 1;
daemon off;
master_process off;
pid {folder}/{name}.pid;
error_log {folder}/{name}.error;
events {{ worker_connections 1024; }}
http {{
  access_log {log};
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
  keepalive_requests 1000000;
  {body}
}}
"""
_BACKEND = """
  server {{
    listen 127.0.0.1:{back};
    location / {{ return 200 'x'; }}
    location = /10k {{ alias {file}; }}
  }}
"""
_PROXY = """
  upstream pods {{ server 127.0.0.1:{back}; {pool} }}
  server {{
    listen 127.0.0.1:{front} {tls};
    location / {{
      proxy_pass http://pods;
      proxy_http_version 1.1;
      proxy_set_header Connection "{connection}";
    }}
  }}
"""
_TLS = "ssl; ssl_certificate {certificate}; ssl_certificate_key {key}"
_HAPROXY = """
global
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  http-reuse always
frontend in
  bind 127.0.0.1:{front}
  default_backend pods
backend pods
  server pod 127.0.0.1:{back}
"""


@dataclass(frozen=True)
class Setting:
    """One way to set up the proxy in front of the backend."""

    name: str
    program: str = "nginx"
    pooled: bool = True
    log: bool = False
    tls: bool = False
    path: str = "/"

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{FRONT_PORT}{self.path}"


SETTINGS = (
    Setting("nginx"),
    Setting("nginx, access log", log=True),
    Setting("nginx, a connection a request", pooled=False),
    Setting("nginx, 10 kB", path="/10k"),
    Setting("nginx, TLS, 10 kB, access log", log=True, tls=True, path="/10k"),
    Setting("haproxy", program="haproxy"),
)


def _nginx(folder: Path, name: str, body: str, log: bool) -> list[str]:
    where = f"{folder}/{name}.log" if log else "off"
    config = folder / f"{name}.conf"
    config.write_text(_NGINX.format(folder=folder, name=name, log=where, body=body))
    return ["nginx", "-c", str(config), "-e", f"{folder}/{name}.error"]


def _front(folder: Path, setting: Setting) -> list[str]:
    if setting.program == "haproxy":
        config = folder / "haproxy.cfg"
        config.write_text(_HAPROXY.format(front=FRONT_PORT, back=BACK_PORT))
        return ["haproxy", "-db", "-f", str(config)]
    tls = ""
    if setting.tls:
        key, certificate = self_signed(folder, "ecdsa-p256")
        tls = _TLS.format(certificate=certificate, key=key)
    body = _PROXY.format(
        front=FRONT_PORT,
        back=BACK_PORT,
        pool="keepalive 64; keepalive_requests 1000000;" if setting.pooled else "",
        connection="" if setting.pooled else "close",
        tls=tls,
    )
    return _nginx(folder, "front", body, setting.log)


def _cpu_ns(pid: int) -> int:
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def _load(pid: int, url: str, connections: int, seconds: int) -> tuple[int, float, int]:
    """Requests answered, their rate, and the CPU ns that ``pid`` spent meanwhile."""
    before = _cpu_ns(pid)
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", url],
        capture_output=True,
        text=True,
        timeout=seconds + 45,
        check=True,
    )
    spent = _cpu_ns(pid) - before
    answered = re.search(r"(\d+) requests in", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    if answered is None or rate is None or "Non-2xx" in done.stdout:
        raise LabError(f"wrk said: {done.stdout.strip()[-300:]}")
    return int(answered[1]), float(rate[1]), spent


def _body(run: Run) -> Result:
    rounds, seconds, connections = (2, 1, 32) if run.quick else (6, 1, 32)
    order = random.Random(run.seed)
    costs: dict[str, list[float]] = {}
    rates: dict[str, list[float]] = {}
    with Topology() as topology:
        running: dict[str, tuple[Setting, Host, int]] = {}
        for setting in SETTINGS:
            host = topology.host(setting.name)
            folder = topology.directory / f"{len(running)}"
            folder.mkdir()
            body = folder / "body"
            body.write_bytes(bytes(BODY_BYTES))
            backend = _nginx(folder, "back", _BACKEND.format(back=BACK_PORT, file=body), log=False)
            host.launch(backend)
            pid = host.launch(_front(folder, setting))
            for port in (BACK_PORT, FRONT_PORT):
                until_it_listens(host, port)
            running[setting.name] = (setting, host, pid)
        turns = list(running)
        for turn in range(rounds):
            run.progress(turn / rounds, "requests through each proxy in turn")
            order.shuffle(turns)
            for name in turns:
                setting, host, pid = running[name]
                answered, rate, spent_ns = host.call(_load, pid, setting.url, connections, seconds)
                costs.setdefault(name, []).append(round(spent_ns / answered / 1000, 3))
                rates.setdefault(name, []).append(round(rate, 1))
    return Result(
        parameters={
            "rounds": rounds,
            "seconds": seconds,
            "client": "wrk, one thread",
            "connections": connections,
            "workers": 1,
            "body_bytes": "1, and 10,240 where the setting says 10 kB",
            "connections_to_pods": "pooled unless the setting says otherwise",
        },
        series=tuple(
            Series(name, unit, {"proxy": setting}, tuple(values))
            for name, unit, table in (
                ("CPU a request", "us", costs),
                ("requests", "1/s", rates),
            )
            for setting, values in table.items()
        ),
    )


PROXY = Experiment(
    name="proxy",
    question="How much CPU does one proxied request cost an ingress worker?",
    limits=(
        "Client, proxy and backend share the machine's CPUs over loopback and the "
        "configuration is short: a real ingress controller with many routes, filters and metrics "
        "does more, so this is the floor."
    ),
    needs=(NAMESPACES, program("nginx", "haproxy", "wrk")),
    tools=("nginx", "haproxy", "wrk"),
    bound_s=(180.0, 120.0),
    body=_body,
)
