"""What a submission may use."""

from dataclasses import dataclass

from k8snet_lessons.errors import InputError


@dataclass(frozen=True)
class Limits:
    """Bounds on one submission's run.

    Parameters
    ----------
    cell_s : float
        Wall clock of one cell; after it the cell is interrupted.
    submission_s : float
        Wall clock of all runs of one submission together.
    memory_mb : int
        Memory of all its processes together.
    processes : int
        Processes and threads at one time.
    disk_mb : int
        Its private ``/tmp``, and the largest file.
    """

    cell_s: float = 15.0
    submission_s: float = 120.0
    memory_mb: int = 1536
    processes: int = 64
    disk_mb: int = 64

    @property
    def grace_s(self) -> float:
        """How long an interrupted cell may take to stop before its kernel is killed."""
        return min(1.0, self.cell_s / 3)

    @property
    def alone_s(self) -> float:
        """Wall clock of one cell when its task is run once more alone."""
        return min(self.cell_s, max(1.0, self.cell_s / 4))

    def __post_init__(self) -> None:
        for name in ("cell_s", "submission_s"):
            if not 0.05 <= getattr(self, name) <= 86_400:
                raise InputError(name, getattr(self, name), "0.05 to 86400 seconds")
        if not 256 <= self.memory_mb <= 1_000_000:
            raise InputError("memory_mb", self.memory_mb, "256 to 1000000 megabytes")
