"""How much a record counts for: one, what it states, or the length or area that is drawn."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.areas import Areas
from spatial.ledger.declared import LedgerMetric
from spatial.ledger.placing import Places, grounds, lengths
from spatial.ledger.records import Why
from spatial.text import Text
from spatial.unit_words import factor_between

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_BASES = {"km": "m", "m": "m", "ha": "m2", "km2": "m2", "m2": "m2", "1": "1", "pp": "1", "1/1000": "1"}
_DIMENSION = {"m": 1, "m2": 2}


_NO_QUANTITY = Why(Text("没有数量", "it states no quantity"))
_NO_UNIT = Text("单位与指标不符", "its unit is not one of the metric")


def base_of(unit: str) -> str:
    """Return the base unit in which numerators of a unit are kept: ``km`` → ``m``, ``ha`` → ``m2``, ``dwellings`` → ``dwellings``."""
    return _BASES.get(unit, unit)


@dataclass(frozen=True, eq=False)
class Amounts:
    """What records count for, each shape (n,).

    Attributes
    ----------
    amount
        In the base unit of the metric; NaN where it is not known.
    drawn
        Whether it is measured on the map, and cut where areas end.
    usable
        Whether it is known.
    why
        The reason for those of which it is not.
    size_m2
        Area of the polygon, else the stated one; NaN where neither is known.
    fits
        Whether that lies in the range of the metric.
    several
        Whether a record that counts as one states another number.
    """

    shapes: npt.NDArray[np.object_]
    amount: Floats
    drawn: Mask
    usable: Mask
    why: list[Why]
    size_m2: Floats
    fits: Mask
    several: Mask
    dimension: int

    def by_area(self, which: Mask, places: Places, areas: Areas) -> Floats:
        """Sum the amounts of some records by row of the areas, shape (rows,)."""
        plain = np.where(which & ~self.drawn & self.usable, self.amount, 0.0)
        total = places.sums(plain, len(areas))
        rows = np.flatnonzero(which & self.drawn)
        if len(rows):
            _, owner, size = (lengths if self.dimension == 1 else grounds)(self.shapes[rows], areas)
            total = total + overlay.sum_by(owner, size, len(areas))
        return total

    def notes(self, listed: Mask) -> list[Text]:
        """Say which amounts were not taken as they are written."""
        said = []
        if several := int((self.several & listed).sum()):
            said.append(Text(f"{several} 条写有数量，按条计", f"{several} records state a number; each counts as one"))
        return said


def amounts_of(records: gpd.GeoDataFrame, metric: LedgerMetric) -> Amounts:
    """Tell how much each record counts for.

    Parameters
    ----------
    records
        Of one metric.
    metric
        ``quantity = "length"`` or ``"area"``: what is drawn, else what is stated; ``"quantity"``: what is stated;
        ``"records"``: each is one.

    Returns
    -------
    Amounts
        In the base unit of the metric.
    """
    shapes = np.asarray(records.geometry.to_numpy(), dtype=object)
    count = len(records)
    dimension = shapely.get_dimensions(shapes)
    stated = _stated(records, _base(metric))
    size_m2 = np.where(dimension == 2, shapely.area(shapes), _stated(records, "m2"))
    fits = ~(size_m2 < metric.least_m2) & ~(size_m2 > metric.most_m2)
    if metric.quantity == "records" or metric.kind == "exists":
        numbers = records["quantity"].to_numpy(dtype=float)
        several = np.isfinite(numbers) & (numbers != 1.0) & (records["unit"] == "count").to_numpy()
        none = np.zeros(count, dtype=bool)
        return Amounts(shapes, np.ones(count), none, ~none, [_NO_QUANTITY] * count, size_m2, fits, several, 0)
    wanted = _DIMENSION.get(_base(metric), -1)
    drawable = dimension == wanted
    # A stated number is never replaced by a drawing: of a building it is the floor area, of a pipe in a trench its own length.
    drawn = drawable if metric.quantity in ("length", "area") else np.zeros(count, dtype=bool)
    size = shapely.length(shapes) if wanted == 1 else shapely.area(shapes)
    amount = np.where(drawn, size, stated)
    usable = np.isfinite(amount)
    without = np.isnan(records["quantity"].to_numpy(dtype=float))
    why = [_NO_QUANTITY if bare else Why(_NO_UNIT, code) for bare, code in zip(without, records["unit"], strict=True)]
    return Amounts(shapes, amount, drawn, usable, why, size_m2, fits, np.zeros(count, dtype=bool), wanted)


def _base(metric: LedgerMetric) -> str:
    """Return the base unit of what is summed; of a share that of its quantity."""
    if metric.unit != "1":
        return base_of(metric.unit)
    return {"length": "m", "area": "m2"}.get(metric.quantity, "count")


def _stated(records: gpd.GeoDataFrame, base: str) -> Floats:
    """Return what records state in a base unit; NaN where they state nothing, or another kind of thing."""
    factors = {code: factor_between(code, base) for code in set(records["unit"])}
    factor = np.array([np.nan if factors[code] is None else factors[code] for code in records["unit"]], dtype=float)
    return records["quantity"].to_numpy(dtype=float) * factor
