"""One endpoint of a Service as topology sees it: where it runs and whom it is meant for."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ZoneEndpoint:
    """An endpoint of an EndpointSlice, reduced to what routing by zone looks at.

    Attributes
    ----------
    zone : str or None
        The zone of the node it runs on; None where that node carries no zone label.
    node : str or None
    address : str
        Only a name for the reader; nothing depends on it.
    ready, serving, terminating : bool
        The three conditions. A pod that shuts down cleanly is not ready, but serving
        and terminating.
    zone_hints, node_hints : tuple of str
        ``hints.forZones`` and ``hints.forNodes``.
    """

    zone: str | None
    node: str | None = None
    address: str = ""
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    zone_hints: tuple[str, ...] = ()
    node_hints: tuple[str, ...] = ()
