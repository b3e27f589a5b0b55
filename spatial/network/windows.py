"""Which points lie in a window, without asking all of them each time."""

from __future__ import annotations

import numpy as np

from spatial.overlay import Floats, Ints


class Windows:
    """Points sorted from west to east.

    Parameters
    ----------
    xy
        Points, shape (n, 2).
    """

    def __init__(self, xy: Floats) -> None:
        self._order = np.argsort(xy[:, 0], kind="stable")
        self._x, self._y = xy[self._order, 0], xy[self._order, 1]

    def within(self, low: Floats, high: Floats) -> Ints:
        """Return the points in a window, its edges included.

        Parameters
        ----------
        low, high
            Its south-western and north-eastern corner, shape (2,).

        Returns
        -------
        numpy.ndarray
            Their rows, in rising order.
        """
        west, east = np.searchsorted(self._x, low[0], "left"), np.searchsorted(self._x, high[0], "right")
        y = self._y[west:east]
        return np.sort(self._order[west:east][(y >= low[1]) & (y <= high[1])])
