"""How long rules take to load and to update, by tool and by number of Services."""

import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from k8snet_lessons.data.measured import Series
from k8snet_lessons.lab import ebpf
from k8snet_lessons.lab.errors import LabError
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.hosts import Host, Topology
from k8snet_lessons.lab.needs import EBPF, NAMESPACES, in_user_namespace, program
from k8snet_lessons.lab.services import (
    Service,
    iptables_add_text,
    iptables_restore_text,
    nft_add_text,
    nft_text,
    services,
)

POD_IP = "10.244.2.2"
FULL, ADD, PARTIAL = "full load", "one Service added", "dispatch rewritten plus one"
LONGEST_S = 150.0
ONCE_S = 15.0  # a mode whose full load takes longer is measured there once, and no further

Step = tuple[str, Callable[[list[Service], Service], tuple[list[str], str]]]

_RESTORE_STEPS: tuple[tuple[str, Callable[[list[Service], Service], str]], ...] = (
    (FULL, lambda before, new: iptables_restore_text(before)),
    (ADD, lambda before, new: iptables_add_text([new])),
    (PARTIAL, lambda before, new: iptables_add_text([new], [*before, new])),
)


def _restore(tool: str) -> list[Step]:
    def step(
        name: str, text: Callable[[list[Service], Service], str]
    ) -> Callable[[list[Service], Service], tuple[list[str], str]]:
        flags = [] if name == FULL else ["--noflush"]
        return lambda before, new: ([tool, *flags], text(before, new))

    return [(name, step(name, text)) for name, text in _RESTORE_STEPS]


def _nft(numgen: str) -> list[Step]:
    nft = ["nft", "-f", "-"]
    return [
        (FULL, lambda before, new: (nft, nft_text(before, numgen))),
        (ADD, lambda before, new: (nft, nft_add_text([new], with_map=numgen == "all"))),
    ]


MODES: dict[str, list[Step]] = {
    "iptables-legacy": _restore("iptables-legacy-restore"),
    "iptables-nft": _restore("iptables-nft-restore"),
    "nftables, numgen": _nft("all"),
    "nftables, goto": _nft("none"),
}


def timed_run_s(command: list[str], text: str, timeout_s: float) -> float:
    """Seconds that the command takes with ``text`` on its standard input."""
    start = time.perf_counter()
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    elapsed = time.perf_counter() - start
    if done.returncode:
        raise LabError(f"{command[0]}: {done.stderr.strip()[:300]}")
    return elapsed


def fill_map_s(
    object_file: str, all_services: list[Service], more: list[Service]
) -> tuple[float, float]:
    """Seconds to fill a BPF map with every Service, and to put one more (the best of several)."""
    translation = ebpf.SocketTranslation(Path(object_file))
    packed = ebpf.pack(all_services)
    start = time.perf_counter()
    translation.fill(packed)
    filled = time.perf_counter() - start
    puts = []
    for service in more:
        start = time.perf_counter()
        translation.put(service)
        puts.append(time.perf_counter() - start)
    return filled, min(puts)


def _measure_mode(host: Host, mode: str, count: int) -> dict[str, float]:
    all_services = services(count + 2, POD_IP)
    before, later = all_services[:count], iter(all_services[count:])
    seconds = {}
    for name, step in MODES[mode]:
        new = before[-1] if name == FULL else next(later)
        command, text = step(before, new)
        seconds[name] = host.call(timed_run_s, command, text, LONGEST_S, timeout_s=LONGEST_S + 5)
        if name == ADD:
            before = [*before, new]
    return seconds


def _body(run: Run) -> Result:
    counts = (500, 2000) if run.quick else (500, 1000, 2000, 5000, 10_000, 20_000)
    rounds = 2 if run.quick else 3
    with_ebpf = not EBPF.missing()
    modes = MODES
    if in_user_namespace():
        # There the kernel takes no netlink message larger than net.core.wmem_max, and nft sends
        # a whole load as one.
        modes = {name: steps for name, steps in MODES.items() if name == "iptables-legacy"}
    times: dict[tuple[str, str, int], list[float]] = {}
    stopped: dict[str, int] = {}
    with ExitStack() as stack:
        object_file = ""
        if with_ebpf:
            folder = stack.enter_context(Topology()).directory
            object_file = str(ebpf.compile_program(folder))
        for turn in range(rounds):
            for i, count in enumerate(counts):
                share = (turn * len(counts) + i) / (rounds * len(counts))
                for mode in modes:
                    if mode in stopped and count >= stopped[mode]:
                        continue
                    run.progress(share, f"{mode}: {count} Services")
                    with Topology() as topology:
                        seconds = _measure_mode(topology.host("node"), mode, count)
                    for name, value in seconds.items():
                        times.setdefault((mode, name, count), []).append(value)
                    if seconds[FULL] > ONCE_S:
                        stopped[mode] = count
                if with_ebpf:
                    with Topology() as topology:
                        all_services = services(count + 32, POD_IP)
                        full, one = topology.host("node").call(
                            fill_map_s, object_file, all_services[:count], all_services[count:]
                        )
                    times.setdefault(("ebpf", FULL, count), []).append(full)
                    times.setdefault(("ebpf", ADD, count), []).append(one)
    return Result(
        parameters={"rounds": rounds, "services": list(counts), "endpoints_a_service": 1},
        series=tuple(
            Series(
                name,
                "s",
                {"mode": mode, "services": count},
                tuple(round(each, 7) for each in values),
            )
            for (mode, name, count), values in sorted(times.items())
        ),
        findings={
            "not_measured_beyond": stopped,
            "left_out": sorted(set(MODES) - set(modes)),
            "ebpf": "measured" if with_ebpf else EBPF.missing(),
        },
    )


LOADING = Experiment(
    name="loading",
    question="How long does it take to load the rules of N Services, and to add one more?",
    limits=(
        "The tools' own time is measured, not kube-proxy's: building the text, comparing with "
        "what is there and deleting stale entries come on top, and newer tools differ (the "
        "quadratic nftables load belongs to the nft version named in the record)."
    ),
    needs=(NAMESPACES, program("iptables-legacy-restore", "iptables-nft-restore", "nft")),
    tools=("iptables-legacy", "iptables-nft", "nft"),
    bound_s=(1500.0, 120.0),
    body=_body,
)
