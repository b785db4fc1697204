"""How much a preview may simulate, so that the picture follows the hand."""

from typing import Final

#: What the model may take of a move. The messages and the browser need some 20 ms more, and
#: a picture that comes within 50 ms is felt as immediate.
BUDGET_S: Final = 0.02
FEWEST: Final = 2_000


class Pace:
    """Size of the next preview, learned from what the last ones took.

    Most settings simulate in whole arrays and take the size that was asked for. Those that
    have to be walked event by event (a full table, an overloaded server) cost many times as
    much a request; there the preview shrinks, and it grows again where it may. Sizes go by
    halves: random numbers that were drawn for a size serve the next move as well.

    Parameters
    ----------
    most : int
        Requests of a preview at a setting that is cheap.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.requests = most

    def took(self, seconds: float) -> None:
        """Learn what the last preview of `requests` requests took."""
        affordable = self.requests * BUDGET_S / max(seconds, 1e-6)
        # Grow by steps: one cheap setting among dear ones should not bring the full size back.
        allowed = min(affordable, 2 * self.requests)
        size = self.most
        while size > allowed and size // 2 >= FEWEST:
            size //= 2
        self.requests = size
