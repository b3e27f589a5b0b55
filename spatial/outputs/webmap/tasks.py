"""Tasks of the ledger as an overlay of the map page: points, lines and polygons in one, coloured by how far each has come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.ledger.ladder import TITLES
from spatial.outputs.map_specs import overlay_title
from spatial.outputs.target_words import TASK_TITLES
from spatial.outputs.task_groups import TASK_GROUPS, may_show, placed_tasks
from spatial.outputs.webmap.shapes import packed, packed_points, simplified
from spatial.result import Results
from spatial.targets.model import Standing
from spatial.text import Lang, Text

DEGREES = 1e-6
SIMPLIFY_M = 0.5
# In the order in which they are said: a tooltip has the first four that are known.
FACTS = ("name", "status", "due_date", "days", "type", "lead_unit", "assisting_unit", "investment", "investment_source", "people", "proof",
         "confirmed", "id")  # fmt: skip
_ABSENT = -1
_CONFIRMED = {"yes": Text("已核实", "confirmed"), "no": Text("未核实", "not confirmed")}
_MONEY = {"zh": (1e4, "万元"), "en": (1e6, "million CNY")}

Number = Callable[[str], int]


def pack_tasks(
    results: Results, standing: Standing | None, name: str, overlay: Mapping[str, Any], words: Mapping[str, str], number: Number
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
    number
        Gives a text its number in the page's list of texts.

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
    facts = [_fact(results, tasks, column, number) for column in overlay.get("facts", FACTS) if column in FACTS]
    packing = {
        "name": name,
        "title": title,
        "group": overlay["group"],
        "shown": bool(overlay.get("shown")),
        "style": overlay["style"],
        "groups": list(_groups(tasks, facts, lang, city.crs)),
        "key": [
            {
                "color": group.color,
                "shape": group.shape,
                "dash": group.dash,
                "weight": group.weight,
                "label": group.title.get(lang),
                "count": count,
            }
            for group in reversed(TASK_GROUPS)
            if (count := int((tasks["state"] == group.name).sum()))
        ],
        "left": said,
        "points": False,
        "legend": "",
        "unit": "",
        "columns": [fact for fact, _ in facts],
        "numbered": [],
        "fades": bool(overlay.get("fades")),
    }
    return packing, notices


def _groups(tasks: gpd.GeoDataFrame, facts: list[tuple[dict[str, Any], list[Any]]], lang: Lang, crs: Any) -> Any:
    """Yield what is drawn alike: by kind of geometry, areas first, and by group, the overdue ones last."""
    single = tasks.geometry.reset_index(drop=True).explode(index_parts=False)
    rows, shapes = single.index.to_numpy(), np.asarray(single.to_numpy(), dtype=object)
    dimensions, states = shapely.get_dimensions(shapes), tasks["state"].to_numpy()[rows]
    for dimension in (2, 1, 0):
        for group in TASK_GROUPS:
            mine = (dimensions == dimension) & (states == group.name)
            if not mine.any():
                continue
            geometry = shapes[mine]
            signs = {}
            if dimension:  # one is lost among the streets of a city without a sign
                signs = {"signs": packed_points(_sign_places(geometry, rows[mine]), crs, DEGREES)}
                geometry = simplified(geometry, coverage=False, tolerance=SIMPLIFY_M)
            yield {
                **signs,
                "kind": ("point", "line", "polygon")[dimension],
                "shape": group.shape,
                "dash": group.dash,
                "weight": group.weight,
                "color": group.color,
                "label": group.title.get(lang),
                "count": int(mine.sum()),
                "shapes": packed(geometry, crs, DEGREES) if dimension else packed_points(geometry, crs, DEGREES),
                "facts": [[values[row] for row in rows[mine]] for _, values in facts],
            }


def _sign_places(shapes: Any, rows: Any) -> Any:
    """Return a place on the largest part of each record's lines or polygons."""
    size = pd.Series(shapely.length(shapes) + shapely.area(shapes))
    largest = shapes[size.groupby(rows).idxmax().to_numpy()]
    lines = shapely.get_dimensions(largest) == 1
    return np.where(
        lines, shapely.line_interpolate_point(np.where(lines, largest, None), 0.5, normalized=True), shapely.point_on_surface(largest)
    )


def _fact(results: Results, tasks: gpd.GeoDataFrame, column: str, number: Number) -> tuple[dict[str, Any], list[Any]]:
    """Return a column of the page: its title, whether it holds texts by number or figures with a unit, and its values."""
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
        days = [int(value) if over and pd.notna(value) and value > 0 else _ABSENT for value, over in zip(values, late, strict=True)]
        return _figures(title, Text("天", "days").get(lang)), days
    if column == "investment":
        size, unit = _MONEY[lang]
        return _figures(title, unit), [_plain(value, size) for value in values]
    if column == "people":
        return _figures(title, Text("人", "people").get(lang)), [_plain(value, 1.0) for value in values]
    texts = ["" if value is None or pd.isna(value) else str(value) for value in values]
    if column == "status":
        texts = [TITLES[text].get(lang) if text in TITLES else text for text in texts]
    if column == "type":  # often the name of the metric that counts it
        texts = [results.metrics[text].title.get(lang) if text in results.metrics else text for text in texts]
    if column == "confirmed":
        texts = [_CONFIRMED[text].get(lang) if text in _CONFIRMED else text for text in texts]
    return {"title": title, "text": True, "unit": "", "absent": ""}, [number(text) for text in texts]


def _figures(title: str, unit: str) -> dict[str, Any]:
    return {"title": title, "text": False, "unit": unit, "absent": ""}


def _plain(value: Any, size: float) -> float | int:
    if value is None or pd.isna(value) or not np.isfinite(value) or value < 0:
        return _ABSENT
    amount = round(float(value) / size, 4)
    return int(amount) if amount.is_integer() else amount
