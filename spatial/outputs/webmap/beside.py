"""Another run of the same city beside this one: its figures as they stand in its folder, matched by area; nothing is computed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from spatial.areas import RESERVED
from spatial.city import City
from spatial.compare.runs import TABLE, check_version, run_json, run_table, same_cells
from spatial.crs import WGS84, name_of, reproject
from spatial.errors import OptionError, SourceError, sample, shown
from spatial.outputs.classes import Classes
from spatial.outputs.webmap.languages import Column
from spatial.result import STATUSES, MetricInfo, Results
from spatial.text import Lang
from spatial.units import unit_of

_COLUMNS = ("metric", "variant", "area_id", "scope", "value", "unit", "status")


@dataclass(frozen=True, eq=False)
class Beside:
    """A run that is shown beside another.

    Attributes
    ----------
    name
        Of its folder.
    date
        Of its data; empty where none is known.
    only_here, only_there
        How many areas one of the two has alone.
    """

    name: str
    date: str
    only_here: int
    only_there: int
    _rows: Mapping[tuple[str, str], pd.DataFrame]

    def title(self, words: Mapping[str, str], own_date: str) -> str:
        """Tell which run it is: by its date, and by its folder where the date does not tell."""
        date = self.date if self.date and self.date != own_date else f"{self.date} {self.name}".strip()
        return words["run_of"].format(date=date)

    def absent(self, infos: Sequence[MetricInfo]) -> list[MetricInfo]:
        """Return the metrics that cannot be held against this run: not measured there, in another unit or in another scope."""
        return [info for info in infos if not any((info.name, variant) in self._rows for variant in info.variants)]

    def columns(
        self,
        info: MetricInfo,
        variant: str,
        ids: npt.NDArray[Any],
        own: Mapping[str, npt.NDArray[Any]],
        classes: Classes,
        words: Mapping[str, str],
        lang: Lang,
    ) -> dict[str, Any]:
        """Return the columns of one variant for the page.

        Parameters
        ----------
        ids
            Of the areas in the order of the page, then of the totals.
        own
            ``value`` and ``status`` of this run in that order.
        classes
            Of this run: both are drawn by one legend.

        Returns
        -------
        dict
            ``value`` and ``change`` (texts; a change only where both are whole figures), ``status`` by row, ``class`` by area.
        """
        rows = self._rows.get((info.name, variant))
        other = pd.DataFrame({"value": np.nan, "status": "no_data"}, index=ids) if rows is None else rows.reindex(ids)
        value = other["value"].to_numpy(dtype=float)
        status = other["status"].fillna("no_data").to_numpy(dtype=object)
        proper = _proper(status, value)
        both = proper & _proper(own["status"], own["value"])
        is_area = ~np.isin(ids, list(RESERVED))
        unit = unit_of(info.unit)
        changes = zip(own["value"] - value, both, strict=True)
        return {
            "value": Column.of(unit.show(each, lang) for each in value),
            "status": [STATUSES.index(each) for each in status],
            "class": np.where(proper, classes.indices(value), -1)[is_area].tolist(),
            "change": Column.of(_change(change, info.unit, words, lang) if known else "" for change, known in changes),
        }


def read_beside(folder: str | Path, results: Results) -> Beside:
    """Read the run that is shown beside.

    Parameters
    ----------
    folder
        A folder of ``spatial run``: its ``run.json`` and ``metrics.parquet``.
    results
        What it is held against.

    Returns
    -------
    Beside
        Its rows of the same metrics, units and scopes.

    Raises
    ------
    SourceError
        A file is missing or cannot be read.
    OptionError
        The folder holds a run of another version of the table, of another edition, of another city, or by other areas.
    """
    folder = Path(folder)
    run = check_beside(folder, results.edition)
    _check_cells(folder, run, results)
    table = run_table(folder / TABLE, _COLUMNS)
    here, there = ({str(key) for key in keys} - set(RESERVED) for keys in (results.areas.ids, table["area_id"]))
    if here and not here & there:
        raise OptionError(
            f"{folder}: has no area in common with this run (there {sample(sorted(there)) or 'none'}; here {sample(sorted(here))});"
            " choose a run of the same city by the same areas"
        )
    if not here and run.get("city") != results.city.name:
        raise OptionError(
            f"{folder}: is a run of {shown(run.get('city'))}, not of {shown(results.city.name)}; choose a run of the same city"
        )
    own = results.table.drop_duplicates(["metric", "variant"]).set_index(["metric", "variant"])[["unit", "scope"]]
    rows = {
        (str(metric), str(variant)): part.drop_duplicates("area_id").set_index("area_id")[["value", "status"]]
        for (metric, variant), part in table.groupby(["metric", "variant"], sort=True)
        if (metric, variant) in own.index and _same(part, own.loc[(metric, variant)])
    }
    date = run.get("date")
    return Beside(folder.resolve().name, date if isinstance(date, str) else "", len(here - there), len(there - here), rows)


def check_beside(folder: Path, edition: str = "") -> dict[str, Any]:
    """Tell before minutes of measuring whether a run can stand beside another; return what its ``run.json`` says.

    Raises
    ------
    SourceError
        A file is missing or cannot be read.
    OptionError
        The run has another version of the table, or may not stand in a page of this edition.
    """
    run = run_json(folder)
    check_version(folder, run)
    if edition and run.get("edition") != edition:
        raise OptionError(
            f"{folder}: is no run of the {edition} edition, and its figures may not stand in one; make it with --edition {edition}"
        )
    if not (folder / TABLE).is_file():
        raise SourceError(f"{folder / TABLE}: no such file; measure the run again")
    return run


def extent_in_degrees(city: City) -> list[float] | None:
    """West, south, east, north of what the data cover, as run.json says it; ``None`` where nothing tells."""
    if city.data_extent is None:
        return None
    moved = reproject(np.array([city.data_extent], dtype=object), city.crs, pyproj.CRS(WGS84))
    return [round(float(value), 6) for value in shapely.total_bounds(moved)]


def _check_cells(folder: Path, run: Mapping[str, Any], results: Results) -> None:
    by = run["options"].get("by") if isinstance(run.get("options"), dict) else None
    here = {"options": {"by": results.by}, "crs": name_of(results.city.crs), "data_extent": extent_in_degrees(results.city)}
    if not same_cells(here, run):
        raise OptionError(
            f"{folder}: its cells are not those of this run ({shown(by)} against {shown(results.by)}, or another extent or CRS);"
            " measure both by the same areas, districts for instance"
        )


def _same(part: pd.DataFrame, own: pd.Series) -> bool:
    """Whether both runs count in the same unit and within the same scope."""
    return bool((part["unit"] == own["unit"]).all() and (part["scope"] == own["scope"]).all())


def _proper(status: npt.NDArray[np.object_], value: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.isin(status, ("ok", "estimated")) & np.isfinite(value)


def _change(change: float, unit: str, words: Mapping[str, str], lang: Lang) -> str:
    """Write a difference with its sign; of shares in percentage points."""
    text = unit_of("pp" if unit == "1" else unit).show(abs(change), lang)
    digits = any(letter in "123456789" for letter in text)
    return words["change"].format(change=("±" if not digits else "+" if change > 0 else "\u2212") + text)
