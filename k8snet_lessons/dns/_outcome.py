"""What a resolver's model hands back."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How a lookup ended.

    Attributes
    ----------
    addresses : tuple of str
        What the application gets; empty on failure.
    error : str
        The resolver's own word for the failure; empty on success.
    waited_s : float
        Seconds spent waiting for answers that did not come.
    remark : str
        Why nothing was asked, where that is so.
    """

    addresses: tuple[str, ...]
    error: str
    waited_s: float
    remark: str = ""
