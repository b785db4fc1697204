"""Maglev's lookup table: a consistent hash that moves few connections when backends change.

Algorithm: Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer",
NSDI 2016, section 3.4. As in Cilium (``pkg/maglev``), offset and skip of each backend come from
the two halves of a MurmurHash3 x64-128 of its name, seeded from Cilium's default hash seed, and
the table's size is a prime. The name hashed here is ``ip:port/PROTOCOL``; Cilium has changed
what it hashes between versions, so single slots need not be those of a given node.
"""

import base64
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from k8snet_lessons.errors import InputError

TABLE_SIZE = 16381
# Sizes that Cilium takes, all prime (documentation of maglev.tableSize).
TABLE_SIZES = (251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071)
DEFAULT_SEED = "JLfvgnHc2kaSUFaI"

_MASK = 0xFFFFFFFFFFFFFFFF
_C1, _C2 = 0x87C37B91114253D5, 0x4CF5AD432745937F


def lookup_table(
    backends: Sequence[str], size: int = TABLE_SIZE, seed: str = DEFAULT_SEED
) -> npt.NDArray[np.int32]:
    """Fill the table: backends take turns, each claiming the next free slot it likes best.

    Parameters
    ----------
    backends : sequence of str
        Names, all different. The order does not matter: they are sorted first.
    size : int, optional
        A prime, larger than the number of backends.
    seed : str, optional
        Twelve bytes in base64; the first four seed the hash.

    Returns
    -------
    ndarray of int32, shape (size,)
        For each slot, the index of its backend in ``backends``; empty without backends.

    Raises
    ------
    InputError
        If the size is no prime Cilium takes, is too small, or a name comes twice.
    """
    if size not in TABLE_SIZES:
        raise InputError("size", size, f"one of: {', '.join(map(str, TABLE_SIZES))}")
    if len(backends) > size:
        raise InputError("backends", len(backends), f"at most {size}, the size of the table")
    if len(set(backends)) != len(backends):
        raise InputError("backends", list(backends), "names that are all different")
    if not backends:
        return np.empty(0, dtype=np.int32)
    order = sorted(range(len(backends)), key=lambda index: backends[index])
    wishes = [_permutation(backends[index], size, _seed_number(seed)) for index in order]
    table = [-1] * size
    next_wish = [0] * len(order)
    for turn in range(size):
        place = turn % len(order)
        wish, at = wishes[place], next_wish[place]
        while table[wish[at]] >= 0:
            at += 1
        table[wish[at]] = order[place]
        next_wish[place] = at + 1
    return np.array(table, dtype=np.int32)


def _permutation(name: str, size: int, seed: int) -> list[int]:
    """The slots in the order in which a backend wants them."""
    first, second = murmur3_128(name.encode(), seed)
    offset, skip = first % size, second % (size - 1) + 1
    steps = np.arange(size, dtype=np.int64)
    wishes: list[int] = ((offset + steps * skip) % size).tolist()
    return wishes


def _seed_number(seed: str) -> int:
    try:
        raw = base64.b64decode(seed, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != 12:
        raise InputError("seed", seed, "twelve bytes in base64")
    return int.from_bytes(raw[:4], "big")


def murmur3_128(data: bytes, seed: int) -> tuple[int, int]:
    """Hash bytes with MurmurHash3 x64-128 (Appleby, public domain).

    Parameters
    ----------
    data : bytes
    seed : int
        32 bits.

    Returns
    -------
    tuple of int, int
        The two 64-bit halves.
    """
    first = second = seed
    whole = len(data) // 16 * 16
    for start in range(0, whole, 16):
        k1 = int.from_bytes(data[start : start + 8], "little")
        k2 = int.from_bytes(data[start + 8 : start + 16], "little")
        first ^= _mix(k1, _C1, 31, _C2)
        first = ((_rotate(first, 27) + second) * 5 + 0x52DCE729) & _MASK
        second ^= _mix(k2, _C2, 33, _C1)
        second = ((_rotate(second, 31) + first) * 5 + 0x38495AB5) & _MASK
    tail = data[whole:]
    if len(tail) > 8:
        second ^= _mix(int.from_bytes(tail[8:], "little"), _C2, 33, _C1)
    if tail:
        first ^= _mix(int.from_bytes(tail[:8], "little"), _C1, 31, _C2)
    first ^= len(data)
    second ^= len(data)
    first = (first + second) & _MASK
    second = (second + first) & _MASK
    first, second = _finish(first), _finish(second)
    first = (first + second) & _MASK
    return first, (second + first) & _MASK


def _rotate(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _mix(value: int, before: int, bits: int, after: int) -> int:
    return _rotate(value * before & _MASK, bits) * after & _MASK


def _finish(value: int) -> int:
    value ^= value >> 33
    value = value * 0xFF51AFD7ED558CCD & _MASK
    value ^= value >> 33
    value = value * 0xC4CEB9FE1A85EC53 & _MASK
    return value ^ (value >> 33)
