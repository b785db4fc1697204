"""What can go wrong in the lab, said so that the reader knows what to do."""


class LabError(RuntimeError):
    """An experiment could not be carried through on this machine."""


class CannotRun(LabError):
    """This machine lacks something the experiment needs; the message says what and why."""


class Stopped(LabError):
    """Somebody wants it to end: no other experiment is to follow."""
