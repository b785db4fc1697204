"""How a process locks itself in: own mounts, no rights, bounded resources, fewer system calls.

Called in the child that is about to run a student's code, in this order: `mount_private`,
`bound`, `give_up_rights`, `filter_calls`.
"""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

# linux/sched.h, linux/mount.h, linux/prctl.h, linux/seccomp.h, linux/filter.h
CLONE_NEWNS, CLONE_NEWIPC, CLONE_NEWPID = 0x20000, 0x08000000, 0x20000000
_CLONE_NEW_ANY: Final = 0x7E020000
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_CAPBSET_DROP = 1, 22, 24
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_SECCOMP_MODE_FILTER, _ALLOW, _ERRNO, _KILL = 2, 0x7FFF0000, 0x00050000, 0x80000000
_CAPABILITY_VERSION_3: Final = 0x20080522

# Per machine: audit architecture, number of clone, number of socket, and the calls refused.
# The first group watches or steers other processes, the second changes the system, the
# third makes memory that no limit of a process counts.
_REFUSED: Final[dict[str, tuple[int, int, int, tuple[int, ...]]]] = {
    "x86_64": (
        0xC000003E,
        56,
        41,
        (
            *(101, 310, 311, 312, 438, 440, 203, 298, 321, 323, 300),
            *(272, 308, 165, 166, 155, 161, 167, 168, 169, 175, 176, 313, 246, 320),
            *(163, 179, 164, 227, 159, 305, 170, 171, 172, 173, 103, 153, 303, 304, 154),
            *(428, 429, 430, 431, 432, 433, 442, 248, 249, 250, 237, 238, 256, 279),
            *(319, 447, 29, 64, 68, 240, 425, 426, 427),
        ),
    ),
    "aarch64": (
        0xC00000B7,
        220,
        198,
        (
            *(117, 270, 271, 272, 438, 440, 122, 241, 280, 282, 262),
            *(97, 268, 40, 39, 41, 51, 224, 225, 142, 105, 106, 273, 104, 294),
            *(89, 60, 170, 112, 171, 266, 161, 162, 116, 58, 264, 265),
            *(428, 429, 430, 431, 432, 433, 442, 217, 218, 219, 235, 237, 238, 239),
            *(279, 447, 194, 190, 186, 180, 425, 426, 427),
        ),
    ),
}
_CLONE3: Final = 435
_FAMILIES: Final = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6

_libc = ctypes.CDLL(None, use_errno=True)


def _call(what: str, *arguments: Any) -> None:
    if getattr(_libc, what)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _prctl(option: int, *arguments: Any) -> None:
    values = [ctypes.c_ulong(one) if isinstance(one, int) else one for one in arguments]
    values += [ctypes.c_ulong(0)] * (4 - len(values))
    _call("prctl", option, *values)


def own_user(number: int, maps: Sequence[str] | None = None) -> int:
    """Return a user id for one submission, which exists here and belongs to nobody.

    Parameters
    ----------
    number : int
        Of the process that keeps the submission; others running meanwhile have others.
    maps : sequence of str, optional
        What ``uid_map`` and ``gid_map`` of this process say. A container with a user
        namespace of its own often has 65,536 ids and no more.

    Raises
    ------
    OSError
        If too few ids exist here.
    """
    tables = maps or [Path(f"/proc/self/{kind}_map").read_text() for kind in ("uid", "gid")]
    for wanted in (1_500_000_000 + number, 30_000 + number % 30_000):
        if all(_exists(wanted, table) for table in tables):
            return wanted
    raise OSError(errno.EINVAL, "this user namespace has too few user ids")


def _exists(number: int, table: str) -> bool:
    rows = [[int(cell) for cell in line.split()] for line in table.splitlines()]
    return any(first <= number < first + count for first, _, count in rows)


def unshare() -> None:
    """Leave the mounts, System V memory and process numbers of the parent; fork next."""
    _call("unshare", CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID)


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent ends."""
    _prctl(_PR_SET_PDEATHSIG, 9)


def go_first_when_memory_is_short() -> None:
    """Ask the kernel to end this process before any other; while ``/proc`` is writable."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def mount_private(disk_mb: int, kept: Sequence[str] = ()) -> None:
    """Give this mount namespace its own process list and its own empty ``/tmp``.

    Folders in ``/tmp`` that are `kept` stay in view: the course itself may be installed there.
    """
    behind = {path: os.open(path, os.O_PATH | os.O_DIRECTORY) for path in kept}
    flags = _MS_NOSUID | _MS_NODEV
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)
    _call("mount", b"proc", b"/proc", b"proc", flags | _MS_NOEXEC | _MS_RDONLY, None)
    size = f"size={disk_mb}m,nr_inodes=16k,mode=1777".encode()
    for place in (b"/tmp", b"/dev/shm"):
        _call("mount", b"tmpfs", place, b"tmpfs", flags, size)
    for path, descriptor in behind.items():
        os.makedirs(path, mode=0o755, exist_ok=True)
        source = f"/proc/self/fd/{descriptor}".encode()
        _call("mount", source, path.encode(), None, _MS_BIND | _MS_REC, None)
    # What belongs to the whole machine, and whatever tells of it, is covered.
    for name in ("sys", "bus", "irq", "fs", "acpi", "driver", "pressure", "tty"):
        place = f"/proc/{name}".encode()
        if os.path.isdir(place):
            _call("mount", b"tmpfs", place, b"tmpfs", flags | _MS_RDONLY, b"size=0,mode=555")
    for name in ("kcore", "keys", "key-users", "kmsg", "sysrq-trigger", "timer_list", "config.gz"):
        place = f"/proc/{name}".encode()
        if os.path.exists(place):
            _call("mount", b"/dev/null", place, None, _MS_BIND, None)


def bound(memory_mb: int, processes: int, disk_mb: int, cpu_s: int, cpu: int) -> None:
    """Set what the kernel counts for each process, one processor, and the last place in line."""
    megabyte = 1 << 20
    mapped, resident = _own_size()
    # One process alone meets this limit, and a MemoryError, before the keeper counts it out.
    address_space = mapped + (memory_mb - 16) * megabyte - resident
    for limit, value in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_FSIZE, disk_mb * megabyte),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, megabyte),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 256),
    ):
        _, most = resource.getrlimit(limit)
        wanted = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(limit, (wanted, wanted))
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[cpu % len(allowed)]})
    os.nice(10)


def _own_size() -> tuple[int, int]:
    """Return the bytes that this process has mapped, and those that it has in memory."""
    mapped, resident = Path("/proc/self/statm").read_text().split()[:2]
    page = resource.getpagesize()
    return int(mapped) * page, int(resident) * page


def give_up_rights(uid: int | None) -> None:
    """Become `uid` (None: stay who we are), lose every capability, and never gain one."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break  # beyond the last that this kernel knows, or no right to drop (no sandbox)
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    _call("capset", header, bytes(24))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    die_with_parent()  # a change of user clears it


def filter_calls() -> bool:
    """Refuse system calls that no exercise needs; return whether this machine is known."""
    known = _REFUSED.get(platform.machine())
    if known is None:
        return False
    architecture, clone, socket, refused = known
    load, equal, at_least, any_bit, give = 0x20, 0x15, 0x35, 0x45, 0x06
    program = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (give, 0, 0, _KILL),
        (load, 0, 0, 0),
        (at_least, 0, 1, 0x40000000),  # the x32 numbers
        (give, 0, 0, _ERRNO | errno.ENOSYS),
        (equal, 0, 1, _CLONE3),  # its flags lie in memory: programs fall back to clone
        (give, 0, 0, _ERRNO | errno.ENOSYS),
        (equal, 0, 3, clone),
        (load, 0, 0, 16),
        (any_bit, 0, 7, _CLONE_NEW_ANY),
        (give, 0, 0, _ERRNO | errno.EPERM),
        (equal, 0, 6, socket),
        (load, 0, 0, 16),
        *((equal, 3 - place, 0, family) for place, family in enumerate(_FAMILIES)),
        (give, 0, 0, _ERRNO | errno.EAFNOSUPPORT),
        (give, 0, 0, _ALLOW),
    ]
    for number in refused:
        program += [(equal, 0, 1, number), (give, 0, 0, _ERRNO | errno.EPERM)]
    program.append((give, 0, 0, _ALLOW))
    code = b"".join(struct.pack("HBBI", *one) for one in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    head = struct.pack("HP", len(program), ctypes.addressof(buffer))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(head))
    return True
