"""Load the connect4 program with libbpf and attach it to a control group of its own.

libbpf is called through ctypes, so no Python binding is needed; the C program beside this file
is compiled by clang when the experiment starts. Everything hangs on file descriptors of the
process that loads it: when it ends, the kernel detaches the program and frees the map.
"""

import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from k8snet_lessons.lab.aftermath import assured, until_gone
from k8snet_lessons.lab.errors import CannotRun, LabError
from k8snet_lessons.lab.services import POD_PORT, SERVICE_PORT, Service

SOURCE = Path(__file__).with_name("connect4.bpf.c")
_SONAMES = ("libbpf.so.1", "libbpf.so.0")


def compile_program(directory: Path) -> Path:
    """Compile ``connect4.bpf.c`` with clang into an object file in ``directory``."""
    target = directory / "connect4.bpf.o"
    # Debian keeps asm/types.h in a folder named after the machine, which -target bpf forgets.
    includes = [f"-I/usr/include/{os.uname().machine}-linux-gnu"]
    done = subprocess.run(
        ["clang", "-O2", "-g", "-target", "bpf", *includes, "-c", str(SOURCE), "-o", str(target)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if done.returncode:
        raise CannotRun(f"clang could not compile connect4: {done.stderr.strip()[:400]}")
    return target


def cgroup2_mount() -> Path | None:
    """Where the unified control-group hierarchy is mounted, if it is."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    return None


def libbpf() -> ctypes.CDLL | None:
    """The libbpf shared library, or None where it is not installed."""
    for name in _SONAMES:
        try:
            return ctypes.CDLL(name, use_errno=True)
        except OSError:
            continue
    return None


@dataclass(frozen=True)
class Packed:
    """Services as the map takes them: keys and values end to end."""

    keys: bytes
    values: bytes
    count: int


def pack(all_services: Sequence[Service]) -> Packed:
    """Lay Services out for one batch update of the map."""
    return Packed(
        keys=b"".join(_address(each.cluster_ip, SERVICE_PORT) for each in all_services),
        values=b"".join(_address(each.pod_ip, POD_PORT) for each in all_services),
        count=len(all_services),
    )


class SocketTranslation:
    """The loaded program and its map; `attach` makes a control group that it translates for."""

    def __init__(self, object_file: Path) -> None:
        library = libbpf()
        if library is None:
            raise CannotRun("libbpf is not installed (Debian: libbpf1)")
        for function in ("bpf_object__open_file", "bpf_program__attach_cgroup"):
            getattr(library, function).restype = ctypes.c_void_p
        for function in ("bpf_object__find_program_by_name", "bpf_object__find_map_by_name"):
            getattr(library, function).restype = ctypes.c_void_p
        self._library = library
        self._object = ctypes.c_void_p(
            library.bpf_object__open_file(str(object_file).encode(), None)
        )
        if library.bpf_object__load(self._object) != 0:
            raise LabError("the kernel refused the connect4 program")
        found = library.bpf_object__find_map_by_name(self._object, b"services")
        self._map = library.bpf_map__fd(ctypes.c_void_p(found))

    def fill(self, packed: Packed) -> None:
        """Put every Service into the map by one batch call."""
        count = ctypes.c_uint32(packed.count)
        failed = self._library.bpf_map_update_batch(
            self._map, packed.keys, packed.values, ctypes.byref(count), None
        )
        if failed or count.value != packed.count:
            raise LabError(f"the BPF map took {count.value} of {packed.count} Services")

    def put(self, service: Service) -> None:
        """Add or replace one Service."""
        key = _address(service.cluster_ip, SERVICE_PORT)
        value = _address(service.pod_ip, POD_PORT)
        if self._library.bpf_map_update_elem(self._map, key, value, ctypes.c_uint64(0)):
            raise LabError("the BPF map refused a Service")

    def attach(self, cgroup: Path) -> None:
        """Translate for the processes of ``cgroup`` until this process ends."""
        program = self._library.bpf_object__find_program_by_name(self._object, b"translate")
        descriptor = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
        try:
            link = self._library.bpf_program__attach_cgroup(
                ctypes.c_void_p(program), ctypes.c_int(descriptor)
            )
        finally:
            os.close(descriptor)
        if not link:
            raise LabError("the kernel would not attach connect4 to the control group")


def join_cgroup(cgroup: Path) -> None:
    """Move the calling process into ``cgroup``."""
    (cgroup / "cgroup.procs").write_text(str(os.getpid()))


@contextmanager
def own_cgroup() -> Iterator[Path]:
    """A control group for this run, removed with its children at the end.

    One that a killed run left behind is empty by then, and is removed here as well.
    """
    mount = cgroup2_mount()
    if mount is None:
        raise CannotRun("no cgroup2 hierarchy is mounted")
    for left_over in mount.glob("k8snet-lab-*"):
        with suppress(OSError):
            _remove(left_over)
    own = mount / f"k8snet-lab-{os.getpid()}"
    own.mkdir()
    with assured(lambda: until_gone(own, _remove)):
        yield own


def _remove(cgroup: Path) -> None:
    for child in cgroup.iterdir():
        if child.is_dir():
            child.rmdir()
    cgroup.rmdir()


def _address(ip: str, port: int) -> bytes:
    # struct address: both words in network order; user_port keeps its 16 bits in the low half.
    return socket.inet_aton(ip) + port.to_bytes(2, "big") + b"\0\0"
