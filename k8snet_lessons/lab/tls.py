"""What a TLS 1.3 handshake costs the end that holds the key."""

import random
import ssl
import subprocess
import time
from pathlib import Path

from k8snet_lessons.data.measured import Series, Sketch
from k8snet_lessons.lab.aftermath import scratch
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.needs import program

KEYS = {
    "ecdsa-p256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    "rsa-2048": ["-newkey", "rsa:2048"],
}
NAME = "lab.example"


def self_signed(folder: Path, key: str) -> tuple[Path, Path]:
    """Make a key of a kind in `KEYS` and a certificate for it; the paths of both files."""
    key_file, certificate = folder / f"{key}.key", folder / f"{key}.pem"
    command = ["openssl", "req", "-x509", *KEYS[key], "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    subprocess.run(
        [*command, "-keyout", str(key_file), "-out", str(certificate)],
        check=True,
        capture_output=True,
        timeout=30,
    )
    return key_file, certificate


def contexts(key_file: Path, certificate: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Server and client contexts for TLS 1.3 with that certificate, verified by the client."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    server.load_cert_chain(certificate, key_file)
    client = ssl.create_default_context(cafile=str(certificate))
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    return server, client


def handshake_us(
    server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[float, float, bool, ssl.SSLSession | None]:
    """One handshake through memory: CPU µs of server and client, whether resumed, its session."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    there = client.wrap_bio(to_client, to_server, server_hostname=NAME, session=session)
    here = server.wrap_bio(to_server, to_client, server_side=True)
    spent = {here: 0, there: 0}
    pending = [there, here]
    while pending:
        for end in list(pending):
            start = time.thread_time_ns()
            try:
                end.do_handshake()
                pending.remove(end)
            except ssl.SSLWantReadError:
                pass
            spent[end] += time.thread_time_ns() - start
    here.write(b".")
    there.read(1)  # takes in the session tickets that precede the byte
    return spent[here] / 1000, spent[there] / 1000, bool(here.session_reused), there.session


def _body(run: Run) -> Result:
    rounds = 8 if run.quick else 60
    handshakes = 10 if run.quick else 25
    order = random.Random(run.seed)
    minima: dict[tuple[str, str, str], list[float]] = {}
    everything: dict[tuple[str, str, str], list[float]] = {}
    with scratch() as folder:
        ends = {key: contexts(*self_signed(folder, key)) for key in KEYS}
    turns = [(key, kind) for key in KEYS for kind in ("full", "resumed")]
    for turn in range(rounds):
        run.progress(turn / rounds, "handshakes, all kinds in turn")
        order.shuffle(turns)
        for key, kind in turns:
            session = handshake_us(*ends[key])[3] if kind == "resumed" else None
            batch: dict[str, list[float]] = {"server": [], "client": []}
            for _ in range(handshakes):
                at_server, at_client, reused, session_next = handshake_us(*ends[key], session)
                if reused != (kind == "resumed"):
                    continue
                session = session_next if kind == "resumed" else None
                batch["server"].append(at_server)
                batch["client"].append(at_client)
            for end, times in batch.items():
                minima.setdefault((key, kind, end), []).append(min(times))
                everything.setdefault((key, kind, end), []).extend(times)
    return Result(
        parameters={
            "rounds": rounds,
            "handshakes_a_round": handshakes,
            "protocol": "TLS 1.3, X25519, no client certificate",
            "openssl": ssl.OPENSSL_VERSION,
        },
        series=tuple(
            Series(
                "handshake CPU",
                "us",
                {"key": key, "kind": kind, "end": end},
                samples=tuple(round(each, 3) for each in minima[key, kind, end]),
                sketch=Sketch.of(everything[key, kind, end]),
            )
            for key, kind, end in sorted(minima)
        ),
    )


TLS = Experiment(
    name="tls-handshake",
    question="How much CPU does a TLS 1.3 handshake cost the end that holds the key?",
    limits=(
        "Both ends run in one Python process through memory, so sockets, system calls and round "
        "trips are left out, and Python's own calls add some tens of microseconds."
    ),
    needs=(program("openssl"),),
    tools=("openssl",),
    bound_s=(180.0, 120.0),
    body=_body,
)
