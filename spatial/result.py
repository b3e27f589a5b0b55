"""What a metric returns, and the table, the evidence and the areas of a run."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.areas import RESERVED, Areas
from spatial.text import Lang, Text
from spatial.units import unit_of

if TYPE_CHECKING:
    from spatial.city import City

SCHEMA_VERSION = "1"
KEY = ("metric", "variant", "area_id", "scope", "date")
COLUMNS = (*KEY, "area_name", "value", "low", "high", "numerator", "denominator", "unit", "status", "coverage", "quality", "note")
STATUSES = ("ok", "estimated", "partial", "no_data")
STATUS_TITLES = {
    "ok": Text("实测", "measured"),
    "estimated": Text("估算", "estimated"),
    "partial": Text("数据仅覆盖部分", "partly covered"),
    "no_data": Text("无数据", "no data"),
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class MetricResult:
    """One variant of one metric for all rows of an ``Areas``.

    Attributes
    ----------
    value
        Shape (n,), in the metric's unit; NaN where there is none.
    numerator, denominator
        Base units (m, m², persons, count); ``None`` where the metric has none.
    low, high
        Where an assumption has a stated range; else ``None``.
    quality
        Share of the input that was measured, not assumed, 0–1; ``None`` for all measured.
    estimated
        By row, or for all: whether the value rests on a fallback.
    notes
        For all rows.
    row_notes
        By row index, beside ``notes``.
    evidence
        Named frames in the city's CRS, or functions that make them when they are wanted: the geometry behind the number.
    absent
        Whether nothing could be computed at all, for the reason in ``notes``.
    """

    value: Floats
    numerator: Floats | None = None
    denominator: Floats | None = None
    low: Floats | None = None
    high: Floats | None = None
    quality: Floats | None = None
    estimated: bool | npt.NDArray[np.bool_] = False
    notes: Sequence[Text] = ()
    row_notes: Mapping[int, Sequence[Text]] = field(default_factory=dict)
    evidence: Mapping[str, gpd.GeoDataFrame | Callable[[], gpd.GeoDataFrame]] = field(default_factory=dict)
    absent: bool = False

    @classmethod
    def without(cls, rows: int, why: Text) -> MetricResult:
        """No value in any row, and the reason."""
        return cls(np.full(rows, np.nan), notes=(why,), absent=True)


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide; NaN where the denominator is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(denominator > 0, numerator / denominator, np.nan)


@dataclass(frozen=True)
class Evidence:
    """Title and colour (``#rrggbb``) of a frame of evidence; ``by`` names a column of numbers that it is graded by.

    ``shows`` names the layers beyond the metric's needs whose features or figures by place it shows where they are there: none of it is drawn where
    one of them is secret.
    """

    title: Text
    color: str
    by: str = ""
    shows: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricInfo:
    """What the outputs need to know of a metric: nothing of how it is computed.

    ``bases`` holds, by variant, the units of numerator and denominator; empty texts where there is none; ``evidence`` what its frames are;
    ``tables_only`` whether it is left to the long table, being one of very many figures: no column, no map; ``source`` whether ``layers``, the
    ``ledger`` or ``statistics`` answer it; ``needs``, by variant, the layers without which there is no data.
    """

    name: str
    title: Text
    definition: Text
    unit: str
    standard: Text
    variants: Mapping[str, Text]
    default_variant: str
    bases: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    tables_only: bool = False
    source: str = "layers"
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Results:
    """A measured city: the table is the truth, everything else shows it.

    Attributes
    ----------
    rows
        The table with notes in both languages (columns ``note_zh``, ``note_en``); use ``table``.
    areas
        The polygons that were reported by.
    city
        The city that was measured.
    evidence
        Named frames, as ``metric.frame``, in the city's CRS.
    metrics
        What was measured, by name.
    notices
        What a reader must know about the whole run.
    lang
        Language of notes and titles.
    edition
        ``public`` for what ``spatial.outputs.edition`` left of it; empty for all that was measured.
    """

    rows: pd.DataFrame
    areas: Areas
    city: City
    evidence: Mapping[str, gpd.GeoDataFrame]
    metrics: Mapping[str, MetricInfo]
    notices: tuple[Text, ...] = ()
    by: str = "districts"
    lang: Lang = "en"
    edition: str = ""

    @property
    def table(self) -> pd.DataFrame:
        """The long table: one row a metric, variant and area, sorted by its key; changing it changes nothing here."""
        return self._table.copy(deep=False)

    @property
    def shown(self) -> dict[str, MetricInfo]:
        """Metrics that have a column or a map of their own: all but those for tables only, unless nothing else was measured."""
        return {name: info for name, info in self.metrics.items() if not info.tables_only} or dict(self.metrics)

    @functools.cached_property
    def _table(self) -> pd.DataFrame:
        rows = self.rows.assign(note=self.rows[f"note_{self.lang}"])
        reserved = {key: title.get(self.lang) for key, title in RESERVED.items()}
        rows["area_name"] = rows["area_id"].map(reserved).fillna(rows["area_name"])
        return rows.loc[:, list(COLUMNS)].sort_values(list(KEY), kind="stable", ignore_index=True)

    def wide(self) -> gpd.GeoDataFrame:
        """One row an area, one column a metric and variant (``metric__variant``), with what must be known of it beside it.

        Metrics for tables only (dozens of figures an area) are left to the long table.

        Returns
        -------
        geopandas.GeoDataFrame
            Columns ``area_id``, ``name``, then by metric and variant the value and ``…__status``, with ``…__low``, ``…__high`` where there is a
            range and ``…__coverage`` where an area is not fully covered; geometry in the city's CRS.
        """
        frame = self.areas.frame()
        names = self.table.drop_duplicates("area_id").set_index("area_id")["area_name"]
        frame["name"] = frame["area_id"].map(names).fillna(frame["name"])
        columns: dict[str, Any] = {}
        shown = self.table[self.table["metric"].isin(list(self.shown))].set_index("area_id")
        for (metric, variant), rows in shown.groupby(["metric", "variant"], sort=True):
            part = rows.reindex(frame["area_id"])
            column = f"{metric}__{variant}" if variant else str(metric)
            columns[column] = part["value"].to_numpy(dtype=float)
            columns[f"{column}__status"] = part["status"].to_numpy(dtype=object)
            for extra in ("low", "high"):
                if part[extra].notna().any():
                    columns[f"{column}__{extra}"] = part[extra].to_numpy(dtype=float)
            if (part["coverage"] < 1).any():
                columns[f"{column}__coverage"] = part["coverage"].to_numpy(dtype=float)
        wide = pd.concat([frame[["area_id", "name"]], pd.DataFrame(columns, index=frame.index)], axis=1)
        return gpd.GeoDataFrame(wide, geometry=frame.geometry, crs=frame.crs)

    def get(self, metric: str, *, variant: str | None = None, area_id: str = "city") -> pd.Series:
        """Return one row of the table.

        Raises
        ------
        KeyError
            No such metric, variant or area.
        """
        variant = self.metrics[metric].default_variant if variant is None else variant
        found = self.table[(self.table.metric == metric) & (self.table.variant == variant) & (self.table.area_id == area_id)]
        if found.empty:
            raise KeyError((metric, variant, area_id))
        return found.iloc[0]

    def with_lang(self, lang: Lang) -> Results:
        """Return the same results with notes and titles in another language."""
        from dataclasses import replace

        return replace(self, lang=lang)

    def _repr_html_(self) -> str:
        """Show the default variants as a small table: areas down, metrics across; everything escaped."""
        from html import escape

        head = "".join(f"<th>{escape(info.title.get(self.lang))}</th>" for info in self.shown.values())
        body = []
        for area in self.areas.ids[:50]:
            cells = []
            for name, info in self.shown.items():
                row = self.get(name, area_id=str(area))
                mark = "" if row.status == "ok" else f" <small>({escape(STATUS_TITLES[row.status].get(self.lang))})</small>"
                cells.append(f"<td>{escape(unit_of(info.unit).show(row.value, self.lang))}{mark}</td>")
                label = row.area_name
            body.append(f"<tr><th>{escape(str(label))}</th>{''.join(cells)}</tr>")
        more = f"<p>… {len(self.areas) - 50} more areas</p>" if len(self.areas) > 50 else ""
        return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>{more}"
