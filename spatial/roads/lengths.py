"""Length of roads by area."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.overlay import Floats, Geometries, Ints
from spatial.roads.model import road_model

Bools = npt.NDArray[np.bool_]


def parts_by_area(city: City, areas: Areas) -> tuple[Ints, Ints, Floats]:
    """Length of every run in every row, computed once for all metrics.

    Returns
    -------
    tuple of arrays
        Index of the run, index of the row, metres; a stretch on a row's edge counts half.
    """
    return city.memo(("road_parts", id(areas)), lambda: (areas, lines_by_area(city, road_model(city).lines, areas)))[1]


def length_by_area(city: City, areas: Areas, used: Bools, *, once: bool) -> Floats:
    """Length of the chosen runs by row, metres; with ``once`` one of two carriageways counts half."""
    index, owner, length = parts_by_area(city, areas)
    model = road_model(city)
    factor = np.where(used, model.weights if once else 1.0, 0.0)[index]
    return overlay.sum_by(owner, length * factor, len(areas))


def lines_by_area(city: City, runs: Geometries, areas: Areas) -> tuple[Ints, Ints, Floats]:
    """Lay lines over areas.

    Parameters
    ----------
    city
        Keeps what it takes.
    runs
        LineStrings, metres; always the same array, by which the work is known again.
    areas
        Rows, restricted to a scope or not.

    Returns
    -------
    tuple of arrays
        Index of the line, index of the row, metres. A stretch on a row's edge counts half; for the total only one on its own edge, so that it is the
        same for every choice of areas.
    """
    total = int(np.flatnonzero(areas.ids == CITY)[0])

    def build() -> tuple[Any, Any, Any]:
        moved = overlay.astride(runs, areas.edges)
        apart = np.unique(moved[1][moved[2] != 1.0])
        return moved, apart, overlay.astride(runs[apart], areas.edges_of(total))

    # All are kept with the answer, so that their identities stay theirs.
    key = ("astride", id(runs), id(areas.whole), id(areas.scope_edges))
    (lines, source, factor), apart, (others, origin, share) = city.memo(key, lambda: (runs, areas, build()))[2]
    index, owner, length = overlay.line_parts(lines, areas.pieces)
    index, length = source[index], length * factor[index]
    again = np.isin(index, apart) & (owner == total)
    more, _, metres = overlay.line_parts(others, areas.pieces.only(areas.pieces.owner == total))
    return (
        np.concatenate([index[~again], apart[origin[more]]]),
        np.concatenate([owner[~again], np.full(len(more), total)]),
        np.concatenate([length[~again], metres * share[more]]),
    )
