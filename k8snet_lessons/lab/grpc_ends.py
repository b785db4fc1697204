"""The two ends of the pinning experiment: gRPC servers that say who they are, and a client.

``grpc`` is imported inside the functions, in the process that uses it: it starts threads, which
a fork would leave behind.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

METHOD = "/lab.Pay/Charge"
Options = Sequence[tuple[str, Any]]


def serve_pods(addresses: Sequence[str], port: int, options: Options, first: int = 0) -> None:
    """Run one gRPC server an address until the process ends; each answers with its number."""
    grpc = _grpc()
    servers = []
    for number, address in enumerate(addresses, first):
        server = grpc.server(ThreadPoolExecutor(2), options=list(options))
        server.add_generic_rpc_handlers((_Teller(number),))
        server.add_insecure_port(f"{address}:{port}")
        server.start()
        servers.append(server)
    while servers:
        time.sleep(3_600)


def ask(
    target: str,
    options: Options,
    channels: int,
    per_s: float,
    seconds: float,
    ready: str,
    at_least: int = 0,
) -> list[tuple[float, int]]:
    """Send requests at a steady pace, the channels in turn.

    Parameters
    ----------
    seconds : float
        How long, from when each channel has had its first answer.
    ready : str
        A file that is made at that moment.
    at_least : int
        Go on, for half a minute at most, until so many pods have answered.

    Returns
    -------
    list of (float, int)
        The instant of each request (``time.monotonic()``) and the pod that answered; -1 for none.
    """
    grpc = _grpc()
    opened = [_channel(grpc, target, options) for _ in range(channels)]
    calls = [each.unary_unary(METHOD) for each in opened]
    answered = [(time.monotonic(), _pod(grpc, call)) for call in calls]
    Path(ready).touch()
    begin = time.monotonic()
    number, seen = 0, set[int]()
    while number < per_s * (seconds if len(seen - {-1}) >= at_least else seconds + 30):
        pause = begin + number / per_s - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        at = time.monotonic()
        answered.append((at, _pod(grpc, calls[number % channels])))
        seen.add(answered[-1][1])
        number += 1
    for each in opened:
        each.close()
    return answered


def ask_anew(target: str, per_s: float, seconds: float) -> list[tuple[float, int]]:
    """Send requests at a steady pace, each on a connection of its own; as `ask` returns it."""
    grpc = _grpc()
    answered = []
    begin = time.monotonic()
    for number in range(int(per_s * seconds)):
        pause = begin + number / per_s - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        at = time.monotonic()
        with _channel(grpc, target, ()) as channel:
            answered.append((at, _pod(grpc, channel.unary_unary(METHOD))))
    return answered


def open_again(target: str, channels: int, trials: int) -> list[list[int]]:
    """Open that many channels, ask once over each, close them, and so on; who answered."""
    grpc = _grpc()
    answered = []
    for _ in range(trials):
        opened = [_channel(grpc, target, ()) for _ in range(channels)]
        answered.append([_pod(grpc, each.unary_unary(METHOD)) for each in opened])
        for each in opened:
            each.close()
    return answered


def _pod(grpc: Any, call: Any) -> int:
    try:
        return int(call(b"", timeout=20.0))
    except grpc.RpcError:
        return -1


def _channel(grpc: Any, target: str, options: Options) -> Any:
    # Channels to one target share a connection unless they are told not to.
    own = ("grpc.use_local_subchannel_pool", 1)
    no_service_config = ("grpc.service_config_disable_resolution", 1)
    return grpc.insecure_channel(target, [own, no_service_config, *options])


class _Teller:
    """Answers every request with a number."""

    def __init__(self, number: int) -> None:
        self._answer = str(number).encode()

    def service(self, details: Any) -> Any:
        grpc = _grpc()
        return grpc.unary_unary_rpc_method_handler(lambda request, context: self._answer)


def _grpc() -> Any:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    import grpc

    return grpc
