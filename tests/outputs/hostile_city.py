"""A city in which every text that anybody may write is hostile, and does the same harm in the same words: names, sources, plans, tasks, the sheet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import shapely

from spatial.areas import Areas
from spatial.ledger.records import Ledger
from spatial.measurement import measure
from spatial.result import Results
from spatial.sheet import Sheet
from spatial.targets.model import Standing
from spatial.text import Lang, Text
from tests.outputs.planned_city import DAY, PLAN, standing, target_row
from tests.outputs.served_city import SOUTH, WEST, at, frame, served_city

ATTACKS = (
    "<img src=x onerror=window.harmed=1>",
    "</script><script>window.harmed=1</script>",
    '"><svg onload=window.harmed=1>',
    "' onmouseover=window.harmed=1 x='",
    "{{ 7 * 7 }} ${7*7} {% raw %} <%= 7 %>",
    "javascript:window.harmed=1",
    "&lt;img src=x&gt; &#60;b&#62; <!-- --> ]]>",
    "red;background:url(https://example.org/x.png)",
    "\u202eright to left\u2067\u2066",
    "a\x00b\x0b\x1f\u2028\u2029c",
    "\u200b\u200f\ufeff",
    "Z" + "\u0301\u0323" * 60 + "algo",
)
"""What a page, a stylesheet, a template or a spreadsheet might take for something else than text."""
LONG = "x" * 10_000
BROKEN = "\ud800"  # half of a letter: no frame can hold it
WORD = "<b onclick=window.harmed=1>{}</b>"


def hostile(of: str) -> str:
    """Say what a text is of, within all attacks."""
    return WORD.format(of) + " " + " ".join(ATTACKS)


def hostile_results(lang: Lang = "en", folder: Path | None = None) -> Results:
    """The served city with a hostile text wherever there may be one; its areas have an attack each and one has 10,000 letters."""
    names = [*ATTACKS, LONG]
    count = len(names)
    edge = 2200 / count
    strips = [shapely.box(WEST - 100 + edge * n, SOUTH, WEST - 100 + edge * (n + 1), SOUTH + 1000) for n in range(count)]
    schools = [at(50 + 150 * n) for n in range(count)]
    city = served_city(
        districts=frame(strips, id=[f"<a{n:02d}>" for n in range(count)], name=names),
        parks=frame([shapely.box(WEST + 200, SOUTH + 510, WEST + 300, SOUTH + 610)], name=[hostile("park")]),
        facilities=frame(schools, amenity=["school"] * count, name=names, isced_level=["1;2"] * count),
        transit_stops=frame([at(0)], highway=["bus_stop"], name=[hostile("stop")]),
        roads=frame(
            [shapely.LineString([at(0), at(2000)]), shapely.LineString([at(1000), at(1000, 300)])],
            highway=["residential", ATTACKS[0]], name=[hostile("road"), LONG],
        ),
    )  # fmt: skip
    layers = {
        name: replace(layer, source=hostile(f"source of {name}")) if layer.origin != "absent" else layer
        for name, layer in city.layers.items()
    }
    sheet = Sheet(issuing_unit=hostile("issuing unit"), approval_number=hostile("approval number"))
    city = replace(
        city,
        name=hostile("city") + BROKEN,
        layers=MappingProxyType(layers),
        notices=(Text(hostile("notice") + BROKEN, hostile("notice") + BROKEN), Text(LONG, LONG)),
        synthetic=hostile("synthetic"),
        sheet=sheet,
        ledger=_ledger(),
        folder=folder,
        _memory={},
    )
    return measure(city, ["road_network_density", "school_coverage", "bus_stop_500m_coverage", "service_15min_coverage"], lang=lang)


def _ledger() -> Ledger:
    """A hostile task at 500 m of the street."""
    made = standing()
    rows = made.tasks.iloc[[3]].assign(id=hostile("id"), name=hostile("task"))
    records = gpd.GeoDataFrame(rows, geometry=[at(500)], crs="EPSG:32628")
    return Ledger(records, made.left_out.iloc[:0], DAY)


def hostile_standing(areas: Areas) -> Standing:
    """One target with hostile words in every column of text, and the hostile task."""
    row: dict[str, Any] = target_row(measure="road_network_density", variant="", unit="km/km2", target=8.0, value=1.0)
    words = ("title_zh", "title_en", "clause", "lead_unit", "assisting_unit", "projects", "note_zh", "note_en")
    row |= {key: hostile(key) for key in words} | {"authority_zh": hostile("authority"), "authority_en": hostile("authority")}
    plan = replace(PLAN, title=Text(hostile("plan"), hostile("plan")), authority=Text(hostile("authority"), hostile("authority")))
    made = standing([row])
    columns = ("id", "name", "lead_unit", "assisting_unit", "investment_source", "acceptance", "evidence", "area_name")
    tasks = made.tasks.iloc[[3]].assign(**{key: hostile("task" if key == "name" else key) for key in columns})
    return replace(made, plans={"plan": plan}, tasks=tasks, notes=(Text(hostile("note"), hostile("note")),))
