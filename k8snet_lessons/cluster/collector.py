"""A pause for the garbage collector while a large structure is built."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the collector from looking through a growing heap again and again.

    Where hundreds of thousands of objects are made and none is dropped, its time grows faster
    than their number (measured: programming 320,000 rules takes less than half as long).
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
