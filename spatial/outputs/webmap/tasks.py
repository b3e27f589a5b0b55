"""Tasks of the ledger as an overlay of the map page: points, lines and polygons in one, coloured by how far each has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from spatial.ledger.ladder import TITLES
from spatial.outputs.map_specs import overlay_title
from spatial.outputs.target_words import TASK_TITLES
from spatial.outputs.task_groups import TASK_GROUPS, TaskGroup, may_show, placed_tasks
from spatial.outputs.webmap.languages import Shared
from spatial.outputs.webmap.packing import Codes, Column, Figures, Ints, Names, pack_layer
from spatial.outputs.webmap.shapes import simplified
from spatial.result import Results
from spatial.targets.model import Standing
from spatial.text import Lang, Text

DEGREES = 1e-6
SIMPLIFY_M = 0.5
# In the order in which they are said: a tooltip has the first four that are known.
FACTS = ("name", "status", "due_date", "days", "type", "lead_unit", "assisting_unit", "investment", "investment_source", "people", "proof",
         "confirmed", "id")  # fmt: skip
_CONFIRMED = {"yes": Text("已核实", "confirmed"), "no": Text("未核实", "not confirmed")}
_MONEY = {"zh": (1e4, "万元"), "en": (1e6, "million CNY")}


def pack_tasks(
    results: Results,
    standing: Standing | None,
    name: str,
    overlay: Mapping[str, Any],
    words: Mapping[str, str],
    shared: Shared,
    key: str,
) -> tuple[dict[str, Any] | None, list[str]]:
    """Pack the overlay of tasks.

    Parameters
    ----------
    results
        A measured city with its ledger.
    standing
        With the table of tasks; ``None`` for none.
    name, overlay
        As the map declares it; its ``facts`` are columns of ``FACTS``.
    words
        Of the map.
    shared, key
        The records travel in the blob of this key.

    Returns
    -------
    overlay, notices
        ``None`` where nothing may or can be drawn; and what a reader must know: a secret ledger, tasks without a place.
    """
    city, lang = results.city, results.lang
    if standing is None or city.ledger is None or standing.tasks.empty:
        return None, []
    title = overlay_title(overlay, lang) or words["tasks"]
    if not may_show(city):
        return None, [words["secret"].format(layers=title)]
    tasks = placed_tasks(standing, city.ledger)
    unmapped = int(tasks.geometry.isna().sum())
    said = words["not_mapped"].format(n=f"{unmapped:,}", all=f"{len(tasks):,}") if unmapped else ""
    tasks = tasks[~tasks.geometry.isna()]
    notices = [f"{title}: {said}"] if said else []
    if tasks.empty:
        return None, notices
    wanted = [column for column in overlay.get("facts", FACTS) if column in FACTS]
    facts = [_fact(results, tasks, column) for column in wanted]
    # In the order in which they are drawn: the overdue ones last.
    groups = [(group, count) for group in TASK_GROUPS if (count := int((tasks["state"] == group.name).sum()))]
    classes = tasks["state"].map({group.name: place for place, (group, _) in enumerate(groups)}).to_numpy(np.int64)
    shared.once((key, "packed"), lambda: shared.blobs.__setitem__(key, _packed(tasks, classes, facts, city.crs)))
    packing = {
        "name": name,
        "title": title,
        "group": overlay["group"],
        "shown": bool(overlay.get("shown")),
        "style": overlay["style"],
        "blob": key,
        "groups": [_drawn(group, count, lang) for group, count in groups],
        "key": [_drawn(group, count, lang) for group, count in reversed(groups)],
        "left": said,
        "points": False,
        "legend": "",
        "unit": "",
        "columns": [fact.said() for fact in facts],
        "naming": wanted.index("name") if "name" in wanted else -1,
        "numbered": [],
        "fades": bool(overlay.get("fades")),
        "from_zoom": overlay.get("from_zoom", 0),
    }
    return packing, notices


def _drawn(group: TaskGroup, count: int, lang: Lang) -> dict[str, Any]:
    sign = {"color": group.color, "shape": group.shape, "dash": group.dash, "weight": group.weight}
    return {**sign, "label": group.title.get(lang), "count": count}


def _packed(tasks: gpd.GeoDataFrame, classes: Ints, facts: Sequence[_Fact], crs: pyproj.CRS) -> bytes:
    """Pack the records; lines and areas are lost among the streets of a city without a sign."""
    single = tasks.geometry.reset_index(drop=True).explode(index_parts=False)
    rows, shapes = single.index.to_numpy(), np.asarray(single.to_numpy(), dtype=object)
    dimensions = shapely.get_dimensions(shapes)
    places, of = [], []
    for dimension in (2, 1):
        mine = dimensions == dimension
        if mine.any():
            places.append(_sign_places(shapes[mine], rows[mine]))
            of.append(np.unique(rows[mine]))
    signs = (np.concatenate(places), np.concatenate(of).astype(np.int64)) if places else None
    geometry = simplified(np.asarray(tasks.geometry.to_numpy(), dtype=object), coverage=False, tolerance=SIMPLIFY_M)
    columns = [fact.column for fact in facts]
    return pack_layer(geometry, crs, classes=classes, columns=columns, degrees=DEGREES, signs=signs)


def _sign_places(shapes: Any, rows: Any) -> Any:
    """Return a place on the largest part of each record's lines or polygons."""
    size = pd.Series(shapely.length(shapes) + shapely.area(shapes))
    largest = shapes[size.groupby(rows).idxmax().to_numpy()]
    lines = shapely.get_dimensions(largest) == 1
    return np.where(
        lines, shapely.line_interpolate_point(np.where(lines, largest, None), 0.5, normalized=True), shapely.point_on_surface(largest)
    )


@dataclass(frozen=True, eq=False)
class _Fact:
    """A column of the records, and what the page must know to say it."""

    title: str
    column: Column
    texts: tuple[str, ...] | None = None
    unit: str = ""
    divide: float = 1

    def said(self) -> dict[str, Any]:
        texts = {} if self.texts is None else {"texts": list(self.texts)}
        scale = {} if self.divide == 1 else {"divide": self.divide}
        return {"title": self.title, "text": not isinstance(self.column, Figures), "unit": self.unit, "absent": "", **texts, **scale}


def _fact(results: Results, tasks: gpd.GeoDataFrame, column: str) -> _Fact:
    """Return a column of the page: texts, or figures with a unit; the same for every language but for its words."""
    values, lang = tasks[column].tolist(), results.lang
    titles = {
        "status": Text("状态", "Status"),
        "days": Text("超期", "Over by"),
        "investment": Text("投资", "Investment"),
        "people": Text("受益人数", "People who gain"),
    }
    title = titles.get(column, TASK_TITLES[column]).get(lang)
    if column == "days":  # only what is over: the overdue; a task that is done is late for nobody any more
        late = tasks["due"].eq("overdue").tolist()
        days = [value if over and pd.notna(value) and value > 0 else np.nan for value, over in zip(values, late, strict=True)]
        return _Fact(title, _figures(days, 0), unit=Text("天", "days").get(lang))
    if column == "investment":
        size, unit = _MONEY[lang]
        return _Fact(title, _figures(values, 0), unit=unit, divide=size)
    if column == "people":
        return _Fact(title, _figures(values, 0), unit=Text("人", "people").get(lang))
    keys = ["" if value is None or pd.isna(value) else str(value) for value in values]
    said = {}
    if column == "status":
        said = {key: TITLES[key].get(lang) for key in keys if key in TITLES}
    if column == "type":  # often the name of the metric that counts it
        said = {key: results.metrics[key].title.get(lang) for key in keys if key in results.metrics}
    if column == "confirmed":
        said = {key: _CONFIRMED[key].get(lang) for key in keys if key in _CONFIRMED}
    if not said:
        return _Fact(title, Names(keys))
    codes, found = pd.factorize(np.array(["", *keys], object))
    return _Fact(title, Codes(np.asarray(codes[1:], np.int64)), tuple(said.get(key, key) for key in found))


def _figures(values: Sequence[Any], decimals: int) -> Figures:
    """Return figures of at least 0; what is none, or below, is absent."""
    known = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").to_numpy(float)
    return Figures(np.where(np.isfinite(known) & (known >= 0), known, np.nan), decimals)
