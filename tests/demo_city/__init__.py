"""Zixu, the demo city: synthetic, seeded, and planned on paper first. ``python -m tests.make_demo`` writes ``data/demo`` anew."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.demo_city import draft, ground, local, plan, promises, services, streets, tasks, truths
from tests.demo_city.draft import Extract, Sheet
from tests.demo_city.places import Places

TARGET = Path(__file__).parents[2] / "data" / "demo"

CITY = f'''\
# A synthetic city: every street, name and number is made up, and it lies in the open ocean. See tests/demo_city of the project.
name = "{plan.NAME}"
synthetic = "合成数据 synthetic"
crs = "{plan.CRS}"
date = "{plan.DATE}"

[osm]
file = "data/zixu.osm.pbf"
made_up = true

[layers.districts]
file = "data/local.gpkg"
layer = "districts"
id = "code"
name = "name"

# A development zone and a new town, which overlap the districts: spatial run . --by zones
[layers.zones]
file = "data/local.gpkg"
layer = "zones"
id = "code"
name = "name"

[layers.boundary]
file = "data/local.gpkg"
layer = "boundary"

[layers.built_up_area]
file = "data/local.gpkg"
layer = "built_up_area"

[layers.communities]
file = "data/local.gpkg"
layer = "communities"
id = "code"
name = "name"

[layers.population]
file = "data/population.tif"

[layers.elevation]
file = "data/elevation.tif"

# Two made-up plans, one newer than the other, and where they disagree on pocket parks, what counts here.
[plans.{promises.ACTION}]
file = "data/action-plan-2024-2027.csv"
title = {{ zh = "子虚市城市提升行动方案（2024–2027 年）", en = "Zixu action plan 2024–2027" }}
area = "子虚市"
authority = {{ zh = "子虚市人民政府", en = "municipal government of Zixu" }}
standing = "in_force"
issued = "2023"

[plans.{promises.REPORT}]
file = "data/work-report-2025.csv"
title = {{ zh = "子虚市 2025 年政府工作报告", en = "Zixu work report 2025" }}
area = "子虚市"
authority = {{ zh = "子虚市人民政府", en = "municipal government of Zixu" }}
standing = "past"
issued = "2025"

[targets]
area = "子虚市"
counts = ["zixu-2025-pocket-parks"]

# The ledger of tasks as an office keeps it, and the one of the week before.
[ledger]
file = "data/ledger-{promises.DAY}.gpkg"
date = "{promises.DAY}"
previous = "data/ledger-{promises.WEEK_BEFORE}.gpkg"
previous_date = "{promises.WEEK_BEFORE}"
source = "合成台账 synthetic"
{tasks.city_fields()}

[statistics]
file = "data/statistics.csv"
source = "合成统计 synthetic"
'''

MAP = """\
# The map of the demo opens with a metric that differs between districts.
opens_with = "park_service_coverage"
"""


@cache
def drawn() -> tuple[Sheet, Places, Extract, list[tuple[str, draft.Point, draft.Point]]]:
    """The city as drawn: sheet, places for the truths, numbered objects, pairs of bus stops."""
    sheet = Sheet()
    ways = streets.draw_streets(sheet)
    streets.draw_rail(sheet)
    stops = streets.draw_buses(sheet, ways)
    places = ground.draw_ground(sheet)
    services.draw_services(sheet, places)
    return sheet, places, draft.assemble(sheet), stops


def data_box() -> tuple[float, float, float, float]:
    """West, south, east, north of what the extract covers, degrees."""
    margin = plan.MARGIN
    whole = local.rectangle(plan.WEST - margin, plan.SOUTH - margin, plan.EAST + margin, plan.NORTH + margin)
    west, south, east, north = whole.bounds
    corners = plan.to_degrees(*(local.np.array(each) for each in ((west, east, west, east), (south, south, north, north))))
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def write(folder: Path) -> None:
    """Write the whole project folder."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    (folder / "maps").mkdir(exist_ok=True)
    (folder / "city.toml").write_text(CITY, encoding="utf-8")
    (folder / "maps" / "overview.toml").write_text(MAP, encoding="utf-8")
    sheet, places, extract, stops = drawn()
    draft.write_pbf(extract, data / "zixu.osm.pbf", data_box())
    local.write_layers(data / "local.gpkg")
    local.write_raster(data / "population.tif", *local.population(sheet), local.CELL_M, None)
    local.write_raster(data / "elevation.tif", *local.elevation(), local.HEIGHT_CELL_M, -9999.0)
    tasks.write_ledgers(data / f"ledger-{promises.DAY}.gpkg", data / f"ledger-{promises.WEEK_BEFORE}.gpkg")
    for name, content in (
        ("action-plan-2024-2027.csv", promises.plan_csv(promises.ACTION)),
        ("work-report-2025.csv", promises.plan_csv(promises.REPORT)),
        ("statistics.csv", promises.statistics_csv()),
    ):
        (data / name).write_text(content, encoding="utf-8")
    (folder / "outcomes.toml").write_text(promises.outcomes_toml(), encoding="utf-8")
    (folder / "truths.toml").write_text(truths.as_toml(truths.truths(sheet, places, stops)), encoding="utf-8")
