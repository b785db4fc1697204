"""Grades many submissions on a Dask cluster; needs the extra ``grid``.

A submission travels to a worker as bytes and comes back as a result. When a worker dies,
Dask gives what it held to another; a result is yielded once, whoever computed it.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, Final

from k8snet_lessons.assess.grading.cage import Cage, SandboxError, find_cage
from k8snet_lessons.assess.grading.grader import Grader, Submitted
from k8snet_lessons.assess.grading.limits import Limits
from k8snet_lessons.assess.grading.plan import Original
from k8snet_lessons.assess.grading.result import Graded

MOST_ATTEMPTS: Final = 5
_mine = threading.local()
_places = count()


def grade_on_cluster(
    queue: Iterable[Submitted],
    originals: Mapping[str, Original],
    sandbox: bool,
    limits: Limits,
    scheduler: str,
    patience_s: float = 20.0,
) -> Iterator[Graded]:
    """Yield results as the cluster's workers send them.

    Parameters
    ----------
    queue : iterable of Submitted
        Read ahead of the workers by a bounded number.
    originals : mapping
        The exercises, sent along.
    sandbox : bool
        Whether workers must have namespaces; without them they refuse.
    limits : Limits
        What each submission may use.
    scheduler : str
        Address, as ``tcp://host:8786``.
    patience_s : float
        How long to wait for the scheduler's first word.

    Raises
    ------
    SandboxError
        If a worker has no working sandbox, the cluster cannot be reached, or workers keep
        dying on one submission.
    """
    try:
        import distributed
    except ImportError:
        raise SandboxError(
            "the package 'distributed' is not installed: pip install 'k8snet-lessons[grid]'"
        ) from None
    dask: Any = distributed
    try:
        client = dask.Client(scheduler, timeout=patience_s, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise SandboxError(f"no Dask scheduler answers at {scheduler}: {error}") from None
    with client:
        coming = dask.as_completed(loop=client.loop, with_results=False)
        waiting: dict[str, Submitted] = {}
        attempts: dict[str, int] = {}
        queue = iter(queue)
        ahead = 4 * max(1, sum(client.nthreads().values()))

        def send(submitted: Submitted) -> None:
            # Sent along with each: what is scattered once dies with the worker that holds it.
            original = originals.get(submitted.assignment)
            future = client.submit(grade_here, submitted, original, sandbox, limits, pure=False)
            waiting[future.key] = submitted
            coming.add(future)

        for _, submitted in zip(range(ahead), queue, strict=False):
            send(submitted)
        for future in coming:
            submitted = waiting.pop(future.key)
            try:
                yield future.result()
            except SandboxError:
                raise
            except Exception as error:  # its workers died, and Dask has given up on it
                name = f"{submitted.student}/{submitted.assignment}"
                attempts[name] = attempts.get(name, 0) + 1
                if attempts[name] >= MOST_ATTEMPTS:
                    raise SandboxError(f"no worker could grade {name}: {error}") from None
                send(submitted)
            else:
                future.release()
                following = next(queue, None)
                if following is not None:
                    send(following)


def grade_here(
    submitted: Submitted, original: Original | None, sandbox: bool, limits: Limits
) -> Graded:
    """Grade one submission in this worker; each of its threads keeps a warm grader."""
    known: Any = getattr(_mine, "grader", None)
    if known is None:
        cage = find_cage() if sandbox else Cage("none")
        known = _mine.grader = Grader({}, cage, limits, next(_places))
    if original is not None:
        known.originals[submitted.assignment] = original
    found: Graded = known.grade(submitted)
    return found
