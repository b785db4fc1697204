"""How large the table is, by whose rule, and what it costs."""

import math
from dataclasses import dataclass

from k8snet_lessons.errors import InputError

KUBE_PROXY_MIN = 131_072
KUBE_PROXY_PER_CORE = 32_768
CILIUM_MIN = 131_072
CILIUM_RATIO = 0.0025  # bpf-map-dynamic-size-ratio

# cilium Documentation/network/ebpf/maps.rst: entries of the TCP map by memory in GiB, at the
# default ratio. The rule is linear in memory; the rows for 15 and 360 GiB do not quite follow
# it and are given as published.
CILIUM_DOCUMENTED = {
    3.75: 131_072,
    7.5: 131_072,
    15.0: 131_072,
    30.0: 284_560,
    60.0: 569_120,
    120.0: 1_138_240,
    240.0: 2_276_480,
    360.0: 4_552_960,
}
_CILIUM_ENTRIES_PER_GIB = 284_560 / 30

# sizeof(struct nf_conn): the slab's object size, with its padding. 256 on Linux 6.18 x86-64
# (/proc/slabinfo, read by this project); distributions with more options have 320.
ENTRY_BYTES = 320
# NAT and other extensions of an entry: one allocation of the next kmalloc size beside it.
EXTENSION_BYTES = 128
BUCKET_BYTES = 8  # one list head, struct hlist_nulls_head
TUPLES_PER_ENTRY = 2  # original and reply direction are both hashed

KERNEL_MIN_BUCKETS = 1_024
KERNEL_MAX_BUCKETS = 262_144


def kube_proxy_max(
    cores: int, *, per_core: int = KUBE_PROXY_PER_CORE, minimum: int = KUBE_PROXY_MIN
) -> int | None:
    """``nf_conntrack_max`` as kube-proxy sets it when it starts.

    Parameters
    ----------
    cores : int
        CPUs of the node.
    per_core, minimum : int
        ``conntrack.maxPerCore`` and ``conntrack.min`` of its configuration.

    Returns
    -------
    int or None
        None where ``maxPerCore`` is 0: kube-proxy then leaves the node's setting alone.
    """
    _positive("cores", cores)
    _not_negative("maxPerCore", per_core)
    _not_negative("min", minimum)
    if per_core == 0:
        return None
    return max(minimum, per_core * cores)


def kube_proxy_buckets(max_entries: int, current: int) -> int:
    """Buckets after kube-proxy: it raises them to a quarter of the maximum, never lowers them.

    Source: kubernetes ``cmd/kube-proxy/app/conntrack.go``, ``SetMax``.
    """
    _positive("max_entries", max_entries)
    _positive("buckets", current)
    return max(current, max_entries // 4)


def kernel_buckets(memory_gib: float) -> int:
    """Buckets that the kernel makes by itself, by the node's memory.

    Above 4 GiB 262,144; above 1 GiB 65,536; up to 1 GiB a bucket of 8 octets for every
    131,072 octets of memory (a 16,384th of it is spent on buckets), and never below 1,024.

    ``nf_conntrack_max`` starts out equal to it, so that a full table has two tuples to a
    bucket. Before Linux 5.15 the steps were 65,536 above 4 GiB and 16,384 above 1 GiB, and
    the maximum four times the buckets.

    Parameters
    ----------
    memory_gib : float

    Source: ``nf_conntrack_init_start`` in ``net/netfilter/nf_conntrack_core.c``.

    Examples
    --------
    >>> kernel_buckets(16), kernel_buckets(4), kernel_buckets(1), kernel_buckets(0.0625)
    (262144, 65536, 8192, 1024)
    """
    if not 0 < memory_gib < math.inf:
        raise InputError("memory_gib", memory_gib, "a positive number")
    if memory_gib > 4:
        return KERNEL_MAX_BUCKETS
    if memory_gib > 1:
        return 65_536
    return max(KERNEL_MIN_BUCKETS, int(memory_gib * 2**30) // 16_384 // BUCKET_BYTES)


def cilium_tcp_max(memory_gib: float, *, ratio: float = CILIUM_RATIO) -> int:
    """Entries of Cilium's own TCP map, ``bpf-ct-global-tcp-max``, sized from memory.

    A BPF map is a table with a size and a time-out as well: an LRU map that is full throws
    out the entry that was longest unused, established or not.

    Sizes that the documentation lists are given as it lists them, others by its linear rule.
    """
    if not 0 < memory_gib < math.inf:
        raise InputError("memory_gib", memory_gib, "a positive number")
    if not 0 < ratio <= 1:
        raise InputError("bpf-map-dynamic-size-ratio", ratio, "a number above 0, at most 1")
    if ratio == CILIUM_RATIO and memory_gib in CILIUM_DOCUMENTED:
        return CILIUM_DOCUMENTED[memory_gib]
    linear = _CILIUM_ENTRIES_PER_GIB * memory_gib * ratio / CILIUM_RATIO
    return max(CILIUM_MIN, int(linear + 1e-6))


@dataclass(frozen=True)
class Memory:
    """What a table takes. The buckets are there from the start, the entries as they come."""

    buckets_bytes: int
    entries_bytes: int

    @property
    def total_bytes(self) -> int:
        """Both together."""
        return self.buckets_bytes + self.entries_bytes


def memory(
    entries: int,
    buckets: int,
    *,
    entry_bytes: int = ENTRY_BYTES,
    extension_bytes: int = EXTENSION_BYTES,
) -> Memory:
    """Kernel memory, never swapped, of a table with so many entries."""
    _not_negative("entries", entries)
    _positive("buckets", buckets)
    return Memory(buckets * BUCKET_BYTES, entries * (entry_bytes + extension_bytes))


def chain_length(entries: int, buckets: int) -> float:
    """Entries met in one bucket, in the mean: every entry is hashed in both directions."""
    _not_negative("entries", entries)
    _positive("buckets", buckets)
    return TUPLES_PER_ENTRY * entries / buckets


def _positive(field: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(field, value, "a whole number from 1")


def _not_negative(field: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(field, value, "a whole number, not negative")
