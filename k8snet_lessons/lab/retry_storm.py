"""A retry storm on loopback: a real server with a queue, and real clients with time-outs.

The server works off one request after another and sleeps meanwhile, so its pace is exact and
takes no CPU. It answers in the order of arrival, whether or not the client still waits.
"""

import asyncio
import multiprocessing
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection

from k8snet_lessons.data.measured import Scalar, Series
from k8snet_lessons.isolation.storm_spec import BUDGET_TTL_S, StormSpec
from k8snet_lessons.lab.aftermath import heard_again, undisturbed
from k8snet_lessons.lab.errors import LabError
from k8snet_lessons.lab.experiment import Experiment, Result, Run
from k8snet_lessons.lab.hosts import die_with_parent

BASE = StormSpec(
    requests_per_s=30.0,
    capacity_per_s=50.0,
    queue_limit=100,
    timeout_s=0.5,
    retries=3,
    backoff_s=0.025,
    budget_min_per_s=1.0,
    trigger_from_s=5.0,
    trigger_for_s=5.0,
    trigger_capacity=0.2,
    horizon_s=30.0,
)
SETTINGS: dict[str, dict[str, float | int]] = {
    "three retries": {},
    "three retries, budget of 20 %": {"budget_ratio": 0.2},
    "three retries, short queue": {"queue_limit": 20},
    "no retries": {"retries": 0},
}


@dataclass
class _Counts:
    """What the clients saw, by second since the start."""

    sent: list[int]
    useful: list[int]
    failed: list[int]

    @classmethod
    def of(cls, seconds: int) -> "_Counts":
        return cls([0] * seconds, [0] * seconds, [0] * seconds)


async def _serve(spec: StormSpec, ready: Connection) -> None:
    queue: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readline()
        if queue.qsize() >= spec.queue_limit:
            await _answer(writer, b"503\n")
        else:
            queue.put_nowait(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
    ready.send(server.sockets[0].getsockname()[1])
    start: float = ready.recv()
    begin, end = spec.trigger_from_s, spec.trigger_from_s + spec.trigger_for_s
    free_at = start
    while True:
        writer = await queue.get()
        free_at = max(free_at, time.monotonic())
        slow = begin <= free_at - start < end
        free_at += 1 / (spec.capacity_per_s * (spec.trigger_capacity if slow else 1.0))
        # Sleeping until an instant, not for a while: what one sleep is late does not add up.
        await asyncio.sleep(max(0.0, free_at - time.monotonic()))
        await _answer(writer, b"200\n")


async def _answer(writer: asyncio.StreamWriter, line: bytes) -> None:
    with suppress(ConnectionError):
        writer.write(line)
        await writer.drain()
    writer.close()


def _server(spec: StormSpec, ready: Connection, parent: int) -> None:
    die_with_parent(parent)
    # It ends when it is killed, and a signal to all of the lab is the lab's to answer.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    heard_again()
    asyncio.run(_serve(spec, ready))


async def _attempt(port: int) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET\n")
        return await reader.readline() == b"200\n"
    finally:
        writer.close()


async def _clients(spec: StormSpec, port: int, start: float, seed: int) -> _Counts:
    counts = _Counts.of(int(spec.horizon_s))
    draw = random.Random(seed)
    ratio = spec.budget_ratio
    per_s = spec.budget_min_per_s + (ratio or 0.0) * spec.requests_per_s
    purse, purse_at = per_s * BUDGET_TTL_S, 0.0

    def note(line: list[int]) -> None:
        second = int(time.monotonic() - start)
        if 0 <= second < len(line):
            line[second] += 1

    def allowed() -> bool:
        nonlocal purse, purse_at
        if ratio is None:
            return True
        now = time.monotonic() - start
        purse = min(per_s * BUDGET_TTL_S, purse + spec.budget_min_per_s * (now - purse_at))
        purse_at = now
        if purse < 1:
            return False
        purse -= 1
        return True

    async def request() -> None:
        nonlocal purse
        purse = min(per_s * BUDGET_TTL_S, purse + (ratio or 0.0))
        for retry in range(spec.retries + 1):
            note(counts.sent)
            answered = False
            with suppress(TimeoutError, OSError):
                answered = await asyncio.wait_for(_attempt(port), spec.timeout_s)
            if answered:
                note(counts.useful)
                return
            if retry == spec.retries or not allowed():
                break
            await asyncio.sleep(spec.pause_s(retry + 1) * draw.random())
        note(counts.failed)

    users: set[asyncio.Task[None]] = set()
    next_at = start
    while True:
        next_at += draw.expovariate(spec.requests_per_s)
        if next_at - start >= spec.horizon_s:
            break
        await asyncio.sleep(max(0.0, next_at - time.monotonic()))
        task = asyncio.create_task(request())
        users.add(task)
        task.add_done_callback(users.discard)
    for task in users:
        task.cancel()
    await asyncio.gather(*users, return_exceptions=True)
    return counts


async def _round(specs: list[StormSpec], seed: int) -> list[_Counts]:
    """Every setting at once, each with a server of its own: they hardly use the CPU."""
    fork = multiprocessing.get_context("fork")
    servers, ends, ports = [], [], []
    try:
        for spec in specs:
            here, there = fork.Pipe()
            process = fork.Process(target=_server, args=(spec, there, os.getpid()), daemon=True)
            with undisturbed():
                process.start()
                servers.append(process)
            ends.append(here)
        for end in ends:
            if not end.poll(10):
                raise LabError("a server did not come up within 10 s")
            ports.append(int(end.recv()))
        start = time.monotonic() + 0.2
        for end in ends:
            end.send(start)
        return list(
            await asyncio.gather(
                *(_clients(s, p, start, seed) for s, p in zip(specs, ports, strict=True))
            )
        )
    finally:
        for process in servers:
            process.kill()
            process.join()


def spec_of(setting: str, quick: bool = False) -> StormSpec:
    """What one setting is, in the model's words."""
    fields = asdict(BASE) | SETTINGS[setting]
    if quick:
        fields |= {"trigger_from_s": 1.0, "trigger_for_s": 1.0, "horizon_s": 4.0}
    return StormSpec(**fields)


def _body(run: Run) -> Result:
    rounds = 1 if run.quick else 3
    specs = {name: spec_of(name, run.quick) for name in SETTINGS}
    series = []
    for turn in range(rounds):
        run.progress(turn / rounds, "requests, time-outs and retries")
        found = asyncio.run(_round(list(specs.values()), run.seed + turn))
        for name, counts in zip(specs, found, strict=True):
            for what, values in (
                ("attempts", counts.sent),
                ("answered in time", counts.useful),
                ("given up", counts.failed),
            ):
                where: dict[str, Scalar] = {"setting": name, "round": turn}
                series.append(Series(what, "1/s", where, tuple(map(float, values))))
    return Result(
        parameters={
            "rounds": rounds,
            "server": "one worker, first come, first served; sleeps instead of working",
            "spec": {name: asdict(spec) for name, spec in specs.items()},
        },
        series=tuple(series),
    )


RETRY_STORM = Experiment(
    name="retry-storm",
    question="Does a storm of retries outlive the slow spell that set it off?",
    limits=(
        "One server process that sleeps instead of working, on loopback, at tens of requests a "
        "second: the arithmetic of retries and queues is the same, CPU and network play no part."
    ),
    needs=(),
    tools=(),
    bound_s=(150.0, 120.0),
    body=_body,
)
