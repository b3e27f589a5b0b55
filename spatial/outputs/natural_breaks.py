"""Natural breaks: the classes within which values differ least (Jenks 1967, solved exactly as Fisher 1958 shows)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST = 1_000  # different values that are looked at one by one; more are thinned to so many quantiles

Floats = npt.NDArray[np.float64]


def natural_groups(values: Floats, count: int) -> list[Floats]:
    """Part values into groups so that the squared distances to the mean of each group add up to as little as can be.

    Parameters
    ----------
    values
        Finite, in any order; equal values stay together.
    count
        How many groups, above 0.

    Returns
    -------
    list of array
        Different values of each group, rising; as many groups as asked for, or as there are different values. With more than ``MOST`` of them
        the best groups of as many quantiles.
    """
    single, weight = np.unique(values, return_counts=True)
    if len(single) > MOST:
        single, weight = np.unique(np.quantile(values, np.linspace(0, 1, MOST), method="nearest"), return_counts=True)
    starts = _starts(single, weight.astype(float), min(count, len(single)))
    return [np.asarray(part) for part in np.split(single, starts[1:])]


def _starts(values: Floats, weight: Floats, count: int) -> list[int]:
    """Return where each group begins; the cost of a group from i to j comes from running sums, of values about their mean to stay exact."""
    shifted = values - np.average(values, weights=weight)
    n, total, square = (np.concatenate([[0.0], np.cumsum(weight * shifted**power)]) for power in (0, 1, 2))
    size = len(values)

    def cost(last: int) -> Floats:
        """Cost of the groups that end before ``last``, by where they begin."""
        begin = np.arange(last)
        spread = square[last] - square[begin] - (total[last] - total[begin]) ** 2 / (n[last] - n[begin])
        return np.maximum(spread, 0.0)

    costs = [cost(last) for last in range(1, size + 1)]
    best = np.array([each[0] for each in costs])  # one group up to and with each value
    chosen = []
    for groups in range(2, count + 1):
        begins, least = np.zeros(size, dtype=int), np.full(size, np.inf)
        for last in range(groups, size + 1):
            begin = np.arange(groups - 1, last)
            here = best[begin - 1] + costs[last - 1][begin]
            at = int(np.argmin(here))
            begins[last - 1], least[last - 1] = begin[at], here[at]
        chosen.append(begins)
        best = least
    starts, last = [], size
    for begins in reversed(chosen):
        last = int(begins[last - 1])
        starts.append(last)
    return [0, *reversed(starts)]
