"""Planted facts of Zixu, worked out from the plan and never by ``spatial``: lengths of drawn lines, floor areas, straight lines between gates."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import shapely

from tests.demo_city import housing, local, parks, plan, streets
from tests.demo_city.draft import Point, Sheet
from tests.demo_city.facts import Fact, fact, metres, middle
from tests.demo_city.facts_of_reach import bus_and_streets, services, walks
from tests.demo_city.places import Places
from tests.demo_city.plan import COLUMNS, ROWS

COUNTED = ("motorway", "trunk", "primary", "secondary", "tertiary", "unclassified", "residential")


def truths(sheet: Sheet, places: Places, stops: list[tuple[str, Point, Point]]) -> list[Fact]:
    """All facts, in the order in which a reader wants them."""
    return [
        *_people(sheet),
        *_lengths(sheet),
        *_areas(),
        *_parks(places),
        *walks(places),
        *bus_and_streets(sheet, stops),
        *services(sheet, places),
    ]


def _people(sheet: Sheet) -> list[Fact]:
    at, count = local.people(sheet)
    facts = [
        fact(
            "people",
            "people",
            (0.0, 0.0),
            f"全市常住人口 {plan.PEOPLE:,} 人。",
            f"{plan.PEOPLE:,} people live in the city.",
            value=float(plan.PEOPLE),
            within=1.0,
        )
    ]
    for layer, areas in (("districts", plan.DISTRICTS), ("zones", plan.ZONES)):
        for code, (name, (west, south, east, north)) in areas.items():
            inside = (at[:, 0] >= west) & (at[:, 0] < east) & (at[:, 1] >= south) & (at[:, 1] < north)
            value = float(round(count[inside].sum()))
            zh, en = name.split(" ", 1)
            # Homes within half a cell of the edge may be counted on its other side.
            facts.append(
                fact(
                    f"people_{code}",
                    "people",
                    middle((west, south, east, north)),
                    f"{zh}常住人口约 {value:,.0f} 人。",
                    f"About {value:,.0f} people live in {en}.",
                    by=layer,
                    area_id=code,
                    value=value,
                    within=round(0.012 * value + 300),
                )
            )
    return facts


def _lengths(sheet: Sheet) -> list[Fact]:
    length: Counter[str] = Counter()
    for way in sheet.ways:
        highway = way.tags.get("highway", "")
        if way.meets and highway in COUNTED:
            length[highway] += metres(way.points) * (0.5 if "oneway" in way.tags else 1.0)
    titles = {
        "motorway": ("高速公路", "motorway"), "trunk": ("快速路", "expressway"), "primary": ("主干路", "primary road"), "secondary": ("次干路", "secondary road"),
    }  # fmt: skip
    facts = [
        fact(
            f"length_{kind}",
            "length",
            (0.0, ROWS[7]),
            f"{zh}共 {length[kind] / 1000:.1f} 公里，分幅道路只计一次。",
            f"There are {length[kind] / 1000:.1f} km of {en}, a dual carriageway counted once.",
            highway=kind,
            value=round(length[kind]),
            within=round(0.005 * length[kind] + 20),
        )
        for kind, (zh, en) in titles.items()
    ]
    total = sum(length.values())
    facts.append(
        fact(
            "length_streets",
            "length",
            (0.0, 0.0),
            f"高速公路至支路共 {total / 1000:.0f} 公里。",
            f"From the motorway to the branch road there are {total / 1000:.0f} km of public streets.",
            highway=",".join(COUNTED),
            value=round(total),
            within=round(0.005 * total),
        )
    )
    west, east, south, north = COLUMNS[plan.RING_WEST], COLUMNS[plan.RING_EAST], ROWS[plan.RING_SOUTH], ROWS[plan.RING_NORTH]
    ring = metres([(west, south), (east, south), (east, north), (west, north), (west, south)])
    facts.append(
        fact(
            "ring",
            "ring",
            (west, ROWS[7]),
            f"环路闭合，长 {ring / 1000:.1f} 公里。",
            f"The ring road is closed and {ring / 1000:.1f} km long.",
            names=["东环路", "南环路", "西环路", "北环路"],
            value=round(ring),
            within=round(0.005 * ring),
        )
    )
    for ref, name, points in (streets.METRO_1, streets.METRO_2):
        value = round(metres(points))
        kind = "subway" if ref == "1号线" else "light_rail"
        stations = sum(ref[0] in lines for *_, lines in streets.STATIONS)
        facts.append(
            fact(
                f"rail_{kind}",
                "rail",
                points[0],
                f"{name}长 {value / 1000:.1f} 公里，设站 {stations} 座。",
                f"Rail line {ref[0]} is {value / 1000:.1f} km long and has {stations} stations.",
                railway=kind,
                stations=stations,
                value=value,
                within=30,
            )
        )
    return facts


def _areas() -> list[Fact]:
    whole = local.rectangle(plan.WEST, plan.SOUTH, plan.EAST, plan.NORTH).area
    built = sum(local.outline(part).area for part in local.built_up())
    facts = [
        fact(
            "area_city",
            "area",
            (0.0, 0.0),
            f"市域面积 {whole / 1e6:.1f} 平方公里。",
            f"The city covers {whole / 1e6:.1f} km².",
            layer="boundary",
            value=round(whole),
            within=round(whole * 1e-4),
        ),
        fact(
            "area_built_up",
            "area",
            (0.0, 0.0),
            f"建成区面积 {built / 1e6:.1f} 平方公里。",
            f"The built-up area is {built / 1e6:.1f} km².",
            layer="built_up_area",
            value=round(built),
            within=round(built * 1e-4),
        ),
    ]
    count = len(local.communities())
    facts.append(
        fact(
            "communities",
            "count_local",
            (0.0, 0.0),
            f"全市有社区 {count} 个。",
            f"The city has {count} residents' committees.",
            layer="communities",
            value=count,
            within=0,
        )
    )
    return facts


def _parks(places: Places) -> list[Fact]:
    area = {name: local.outline(shapely.box(*rectangle)).area for name, (rectangle, _, _) in places.parks.items()}
    sizes = {"pocket": (0.0, 1e4), "small": (1e4, 1e5), "large": (1e5, 1e9)}
    titles = {"pocket": ("1 公顷以下", "below 1 ha"), "small": ("1–10 公顷", "of 1–10 ha"), "large": ("10 公顷以上", "above 10 ha")}
    facts = []
    for size, (low, high) in sizes.items():
        count = sum(low <= each < high for each in area.values())
        zh, en = titles[size]
        facts.append(
            fact(
                f"parks_{size}",
                "parks",
                (0.0, 0.0),
                f"{zh}的公园 {count} 个。",
                f"There are {count} parks {en}.",
                low_m2=low,
                high_m2=high,
                value=count,
                within=0,
            )
        )
    total = sum(area.values())
    facts.append(
        fact(
            "parks_area",
            "park_area",
            (0.0, 0.0),
            f"公园总面积 {total / 1e4:.0f} 公顷。",
            f"Parks cover {total / 1e4:.0f} ha.",
            value=round(total),
            within=round(total * 0.001),
        )
    )
    great = places.parks[parks.GREAT_PARK_NAME][0]
    size = area[parks.GREAT_PARK_NAME]
    facts.append(
        fact(
            "great_park",
            "named_park",
            middle(great),
            f"{parks.GREAT_PARK_NAME}占地 {size / 1e4:.0f} 公顷，有围栏，四面各一门。",
            f"Zixu Park covers {size / 1e4:.0f} ha, is fenced, and has one gate on each side.",
            name=parks.GREAT_PARK_NAME,
            gates=4,
            value=round(size),
            within=round(size * 0.002),
        )
    )
    ticket = places.parks[parks.TICKETED_NAME][0]
    size = area[parks.TICKETED_NAME]
    facts.append(
        fact(
            "ticketed_park",
            "ticketed_park",
            middle(ticket),
            f"{parks.TICKETED_NAME}（{size / 1e4:.0f} 公顷）收门票。",
            f"The botanical garden ({size / 1e4:.0f} ha) asks for a ticket.",
            name=parks.TICKETED_NAME,
            value=round(size),
            within=round(size * 0.002),
        )
    )
    _, rectangle, _ = places.compounds[housing.LONELY_NAME]
    gap = _to_park(rectangle, places)
    assert gap > 550, gap
    facts.append(
        fact(
            "no_park",
            "no_park_within",
            middle(rectangle),
            f"小区“{housing.LONELY_NAME}”500 米（直线）内没有公园；最近的公园相距 {gap:.0f} 米。",
            f"The compound Guyun Homes has no park within 500 m as the crow flies; the nearest is {gap:.0f} m away.",
            name=housing.LONELY_NAME,
            limit_m=500,
            value=round(gap),
            within=15,
        )
    )
    return facts


def _to_park(rectangle: tuple[float, float, float, float], places: Places) -> float:
    compound = local.outline(shapely.box(*rectangle))
    return min(float(compound.distance(local.outline(shapely.box(*park)))) for park, _, _ in places.parks.values())


def as_toml(facts: list[Fact]) -> str:
    """Facts as TOML; JSON strings, numbers and lists are TOML too."""

    def value(each: Any) -> str:
        if isinstance(each, dict):
            return "{ " + ", ".join(f"{key} = {value(inner)}" for key, inner in each.items()) + " }"
        return json.dumps(each, ensure_ascii=False)

    head = (
        "# Planted facts of the demo city, worked out from its plan (tests/demo_city/truths.py), never measured by the package.\n"
        "# where, from, to: longitude and latitude; value is expected to within `within`, in the unit of its kind (persons, m, m², count).\n"
    )
    blocks = ["\n[[fact]]\n" + "".join(f"{key} = {value(each)}\n" for key, each in fact.items()) for fact in facts]
    return head + "".join(blocks)
