"""Grades many submissions on this machine, several at a time."""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import SimpleQueue

from k8snet_lessons.assess.grading.cage import Cage
from k8snet_lessons.assess.grading.grader import Grader, Submitted, import_engine
from k8snet_lessons.assess.grading.limits import Limits
from k8snet_lessons.assess.grading.plan import Original
from k8snet_lessons.assess.grading.result import Graded


def grade_locally(
    queue: Iterable[Submitted],
    originals: Mapping[str, Original],
    cage: Cage,
    limits: Limits,
    jobs: int,
) -> Iterator[Graded]:
    """Yield results as they come; the queue is read no faster than the work is done.

    Each job is a thread that waits for its own fork server and its own judge.

    Raises
    ------
    SandboxError
        If a sandbox does not work; what was yielded before is good.
    """
    graders = [Grader(dict(originals), cage, limits, place) for place in range(jobs)]
    free = SimpleQueue[Grader]()

    def grade(submitted: Submitted) -> Graded:
        grader = free.get()
        try:
            return grader.grade(submitted)
        finally:
            free.put(grader)

    for grader in graders:
        grader.launch()  # by this thread, which outlives the others
        free.put(grader)
    import_engine()
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="grade")
    try:
        pending: set[Future[Graded]] = set()
        for submitted in queue:
            pending.add(pool.submit(grade, submitted))
            while len(pending) >= 2 * jobs:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        while pending:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for grader in graders:
            grader.close()
