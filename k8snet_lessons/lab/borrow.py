"""Change settings of the whole machine and give them back, whatever happens.

Some settings, the conntrack limit among them, exist once a machine. A second process holds
their old values and writes them back when the lab says so or has died. A lock keeps two labs
from borrowing at once, for the second would take the first one's values for the old ones.
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from k8snet_lessons.lab.aftermath import assured
from k8snet_lessons.lab.errors import CannotRun, LabError
from k8snet_lessons.lab.hosts import sysctl_path

# A name in the abstract space of this network namespace: it is free again once its owners are
# gone, and nothing of it is left in any folder.
_LOCK = "\0k8snet-lab"


@contextmanager
def borrowed(settings: Mapping[str, int]) -> Iterator[None]:
    """Set machine-wide sysctls such as ``net.netfilter.nf_conntrack_max`` for a while.

    Parameters
    ----------
    settings : mapping of str to int
        Values to start with; what is named here may be set again with `set_borrowed`, and all
        of it is as it was before once the block is left or this process has died.

    Raises
    ------
    CannotRun
        If another run of the lab is borrowing.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(_LOCK)
        except OSError:
            raise CannotRun("another run of the lab has the machine's settings") from None
        before = {name: sysctl_path(name).read_text() for name in settings}
        with assured(lambda: _give_back(before)):
            for name, value in settings.items():
                set_borrowed(name, value)
            yield
        for name, old in before.items():
            if sysctl_path(name).read_text() != old:
                raise LabError(f"{name} could not be set back to {old.strip()}")


def _give_back(before: Mapping[str, str]) -> None:
    for name, value in before.items():
        sysctl_path(name).write_text(value)


def set_borrowed(name: str, value: int) -> None:
    """Set a sysctl of the machine's own namespace, inside `borrowed`."""
    sysctl_path(name).write_text(str(value))
