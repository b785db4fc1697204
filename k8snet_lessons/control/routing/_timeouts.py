"""What a proxy's time-outs make of a slow pod.

NGINX (ngx_http_proxy_module): ``proxy_connect_timeout`` bounds the handshake with a pod,
``proxy_read_timeout`` the silence between two reads, never the whole answer. A pod that fails
one of them is an error of kind ``timeout``, and ``proxy_next_upstream error timeout`` tries the
request again, unless it was sent already and its method is not idempotent. ingress-nginx's
defaults (internal/ingress/controller/config/config.go): 5 s, 60 s, three tries.

Its balancer asks for a pod anew at each try and may get the same one: the number of tries does
not depend on the number of pods (https://github.com/kubernetes/ingress-nginx/issues/11852).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from k8snet_lessons.errors import InputError

PREFIX = "nginx.ingress.kubernetes.io/"
_NOT_REPEATED = frozenset({"POST", "PATCH", "LOCK"})


@dataclass(frozen=True, slots=True)
class ProxyTimeouts:
    """Time-outs of ingress-nginx, with its defaults.

    Attributes
    ----------
    connect_s, read_s : float
    tries : int
        At most so many, the first included.
    """

    connect_s: float = 5.0
    read_s: float = 60.0
    tries: int = 3


@dataclass(frozen=True, slots=True)
class SlowAnswers:
    """What the client gets. All arrays have shape (N,).

    Attributes
    ----------
    think_s : ndarray
        Time a pod takes to its first byte.
    status : ndarray of int
        200, or 504.
    elapsed_s : ndarray
        Until the client has the first byte, or the error.
    started : ndarray of int
        How many times the work was begun. Above one, it is done more than once.
    """

    think_s: npt.NDArray[np.float64]
    status: npt.NDArray[np.int64]
    elapsed_s: npt.NDArray[np.float64]
    started: npt.NDArray[np.int64]


def timeouts_of(ingress: Any) -> ProxyTimeouts:
    """Read the time-outs from an Ingress's annotations; whole seconds, without a unit.

    Parameters
    ----------
    ingress : Ingress

    Returns
    -------
    ProxyTimeouts

    Raises
    ------
    InputError
        If a value is no whole number of seconds (``"15s"`` is a common slip).
    """
    given: Mapping[str, str] = ingress.metadata.annotations or {}
    plain = ProxyTimeouts()
    tries = int(_whole(given, "proxy-next-upstream-tries", plain.tries))
    if tries == 0:
        raise InputError(PREFIX + "proxy-next-upstream-tries", "0", "1 or more: 0 is no limit")
    return ProxyTimeouts(
        _whole(given, "proxy-connect-timeout", plain.connect_s),
        _whole(given, "proxy-read-timeout", plain.read_s),
        tries,
    )


def answer_slowly(
    think_s: Sequence[float],
    timeouts: ProxyTimeouts | None = None,
    *,
    handshake_s: float = 0.0005,
    method: str = "GET",
) -> SlowAnswers:
    """Work out what clients see of pods that all need this long to answer.

    Parameters
    ----------
    think_s : sequence of float
        Seconds to the first byte; inf for a pod that never answers.
    timeouts : ProxyTimeouts, optional
    handshake_s : float
        Seconds until a pod accepts the connection; inf where packets are dropped.
    method : str
        POST, PATCH and LOCK are not tried again once a pod has them.

    Returns
    -------
    SlowAnswers

    Raises
    ------
    InputError
        If a time is negative.
    """
    limits = timeouts or ProxyTimeouts()
    think = np.asarray(think_s, dtype=float).reshape(-1)
    if np.isnan(think).any() or (think < 0).any():
        raise InputError("think_s", list(think_s), "seconds, zero or more")
    if math.isnan(handshake_s) or handshake_s < 0:
        raise InputError("handshake_s", handshake_s, "seconds, zero or more")
    most = limits.tries
    if handshake_s > limits.connect_s:
        return SlowAnswers(
            think,
            np.full(think.shape, 504),
            np.full(think.shape, most * limits.connect_s),
            np.zeros(think.shape, dtype=np.int64),
        )
    slow = think > limits.read_s
    asked = 1 if method.upper() in _NOT_REPEATED else most
    started = np.where(slow, asked, 1)
    elapsed = np.where(slow, asked * (handshake_s + limits.read_s), handshake_s + think)
    return SlowAnswers(think, np.where(slow, 504, 200), elapsed, started)


def _whole(given: Mapping[str, str], name: str, default: float) -> float:
    text = given.get(PREFIX + name)
    if text is None:
        return default
    if not str(text).isdecimal():
        raise InputError(PREFIX + name, text, "a whole number of seconds, without a unit")
    return float(text)
