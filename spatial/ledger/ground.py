"""Ground that records cover: united, so that overlaps count once, cut to a layer and to the areas."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.areas import Areas
from spatial.ledger.amounts import Amounts
from spatial.ledger.confirm import Layers
from spatial.ledger.declared import LedgerMetric
from spatial.ledger.placing import Places
from spatial.overlay import Floats, Geometries, Pieces
from spatial.text import Text

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ground:
    """United ground by row of the areas.

    Attributes
    ----------
    area_m2, of_m2
        The ground, and that of which it is a share (NaN where it is none), shape (n,).
    lost
        Records that count and of which neither a polygon nor a number tells the ground, by record.
    absent
        Whether a layer without which nothing can be said is missing.
    notes
        For all rows.
    """

    area_m2: Floats
    of_m2: Floats
    lost: Mask
    absent: bool = False
    notes: list[Text] = field(default_factory=list)


def ground_of(
    records: gpd.GeoDataFrame, counts: Mask, amounts: Amounts, metric: LedgerMetric, city: Layers, areas: Areas, places: Places
) -> Ground:
    """Unite the polygons of the records that count.

    Parameters
    ----------
    records, counts, amounts, places
        Records of the metric, which of them count, for how much, and where they lie.
    metric
        Of the kind ``overlay``.
    city
        Whose layers ``within`` and ``of`` are.
    areas
        Rows to report by.

    Returns
    -------
    Ground
        Records without a polygon add the area that they state, which may overlap, where nothing is cut or divided; else they are left out, and told.
    """
    none, notes, lost = np.full(len(areas), np.nan), [], np.zeros(len(records), dtype=bool)
    within, of = _layer(city, metric.within), _layer(city, metric.of)
    if metric.within and within is None:
        if not metric.or_whole:
            return Ground(none, none, lost, True, [_missing(metric.within)])
        notes.append(Text(f"没有图层 {metric.within}，未按其裁切", f"layer {metric.within} was not supplied: nothing is cut to it"))
    if metric.of and of is None:
        return Ground(none, none, lost, True, [_missing(metric.of)])
    drawn = counts & amounts.drawn
    ground = overlay.dissolve(np.asarray(records.geometry.to_numpy(), dtype=object)[drawn])
    if within is not None and len(ground):
        ground = overlay.restrict(Pieces(ground, np.arange(len(ground)), len(ground)), within).geometry
    area = overlay.surface_within(ground, areas.pieces) if len(ground) else np.zeros(len(areas))
    bare = counts & ~amounts.drawn
    if bare.any() and (within is not None or of is not None):
        lost = bare
        notes.append(Text(f"{int(bare.sum())} 条没有面图形，未计入", f"{int(bare.sum())} have no polygon and are not counted"))
    elif bare.any():
        area = area + places.sums(np.where(bare, amounts.amount, 0.0), len(areas))
        notes.append(
            Text(f"{int(bare.sum())} 条没有面图形，按所写面积计，无法检查重叠",
                 f"{int(bare.sum())} have no polygon: their stated areas are added, overlaps unchecked")
        )  # fmt: skip
    share = overlay.surface_within(of, areas.pieces) if of is not None else none
    return Ground(area, share, lost, False, notes)


def _missing(name: str) -> Text:
    return Text(f"没有图层 {name}", f"layer {name} was not supplied")


def _layer(city: Layers, name: str) -> Geometries | None:
    """Return the united polygons of a layer; ``None`` where it was not supplied."""
    layer = city.layers.get(name) if name else None
    if layer is None or layer.frame is None:
        return None
    shapes = np.asarray(layer.frame.geometry.to_numpy(), dtype=object)
    ground: Geometries = city.memo(("ledger", "ground", name), lambda: overlay.dissolve(shapes[shapely.get_dimensions(shapes) == 2]))
    return ground
