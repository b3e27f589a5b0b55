"""What the map says of a record: its polygon is there, it has a before and an after, the streets prove that it was opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.ledger.declared import LedgerMetric
from spatial.text import Text

Mask = npt.NDArray[np.bool_]


class Layers(Protocol):
    """A city as this room needs it: its layers by name."""

    @property
    def layers(self) -> Any:
        """Name → layer, whose ``frame`` may be absent."""

    def memo(self, key: Any, build: Any) -> Any:
        """Return a value derived from the city, computed once."""


@dataclass(frozen=True, eq=False)
class Proof:
    """What a map proves of records.

    Attributes
    ----------
    confirmed
        Shape (n,).
    why
        Of each that is not confirmed the reason, else ``None``.
    detour_m
        The way between the ends of each before and after, shape (n, 2); NaN where it was not looked for, inf where there is none.
    """

    confirmed: Mask
    why: list[Text | None]
    detour_m: npt.NDArray[np.float64]


Prove = Callable[[gpd.GeoDataFrame, Layers], Proof]
"""Proves by the streets that roads were opened. This room knows no networks: whoever asks a ledger gives what knows them."""


def confirmed(records: gpd.GeoDataFrame, metric: LedgerMetric, city: Layers, prove: Prove | None = None) -> Mask:
    """Tell which records the map confirms, shape (n,).

    Parameters
    ----------
    records
        Of the metric, in the city's CRS.
    metric
        ``confirm = "polygon"``: a record has a polygon of the stated size; ``before_after``: both are given; ``network``: the streets prove it.
    city
        Its layers.
    prove
        Of the records of a metric with ``confirm = "network"``; without it none is confirmed.

    Returns
    -------
    numpy.ndarray
        All false where the metric declares nothing to confirm by.
    """
    shapes = np.asarray(records.geometry.to_numpy(), dtype=object)
    if metric.confirm == "polygon":
        size = shapely.area(shapes)
        return (shapely.get_dimensions(shapes) == 2) & (size >= metric.least_m2) & (size <= metric.most_m2)
    if metric.confirm == "network" and prove is not None:
        return prove(records, city).confirmed
    if metric.confirm != "before_after":
        return np.zeros(len(records), dtype=bool)
    pairs = zip(records["before"], records["after"], strict=True)
    return np.array([bool(before.strip()) and bool(after.strip()) for before, after in pairs], dtype=bool)
