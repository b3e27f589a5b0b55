"""Parks of Zixu, from the pocket park to the sixty hectares with gates, and the river with its banks."""

from __future__ import annotations

import math

from tests.demo_city import plan
from tests.demo_city.draft import Point, Sheet
from tests.demo_city.places import Places, Rect, made_up, numeral
from tests.demo_city.plan import COLUMNS, ROWS, Lot

GREAT_PARK, GREAT_PARK_NAME = (5, 1), "子虚公园"
PARK_NAMES = {(3, 7): "镜花公园", (7, 5): "枕流公园", (10, 8): "蜃楼公园", GREAT_PARK: GREAT_PARK_NAME}
TICKETED, TICKETED_NAME = (8, 2), "子虚植物园"


def pocket_park(sheet: Sheet, places: Places, lot: Lot, ground: Rect) -> None:
    """An open pocket park with one path across."""
    x0, y0, x1, y1 = ground
    middle = round((x0 + x1) / 2, 1)
    name = f"{made_up('park', ground)}口袋公园{len(places.parks) + 1}"
    gates = [(middle, y0)] + ([(middle, y1)] if y1 == lot.y1 else [])
    sheet.way(
        [(middle, lot.curb_south), (middle, y0), (middle, y1 - 3 if len(gates) == 1 else y1)]
        + ([(middle, lot.curb_north)] if len(gates) == 2 else []),
        highway="footway",
    )
    _park(sheet, places, name, ground, gates, fenced=False)
    sheet.node(middle + 6, (y0 + y1) / 2, leisure="fitness_station")
    places.facilities.append(("fitness", "", (middle + 6, (y0 + y1) / 2)))


def neighbourhood_park(sheet: Sheet, places: Places, lot: Lot, ground: Rect) -> None:
    """An open park of one to four hectares with crossing paths and a pitch."""
    x0, y0, x1, y1 = ground
    name = f"{made_up('park', ground)}游园{len(places.parks) + 1}"
    x, y = round((x0 + x1) / 2, 1), round((y0 + y1) / 2, 1)
    gates: list[Point] = []
    if y0 == lot.y0:
        gates.append((x, y0))
        sheet.way([(x, lot.curb_south), (x, y0), (x, y)], highway="footway")
    if y1 == lot.y1:
        gates.append((x, y1))
        sheet.way([(x, lot.curb_north), (x, y1), (x, y)], highway="footway")
    if x0 == lot.x0:
        gates.append((x0, y))
        sheet.way([(lot.curb_west, y), (x0, y), (x, y)], highway="footway")
    _park(sheet, places, name, ground, gates, fenced=False)
    sheet.box(x + 8, y + 8, x + 8 + 28, y + 8 + 15, leisure="pitch", sport="basketball")
    places.facilities.append(("pitch", "", (x + 22, y + 16)))


def large_park(sheet: Sheet, places: Places, lot: Lot, name: str, *, ticketed: bool) -> None:
    """A fenced park of a whole quarter with a gate on each side, a ring path and a lake."""
    x0, y0, x1, y1 = lot.x0, lot.y0, lot.x1, lot.y1
    x, y = lot.middle
    gates = [(x, y0), (x, y1), (x0, y), (x1, y)]
    _park(sheet, places, name, (x0, y0, x1, y1), gates, fenced=True, fee=ticketed)
    ring = [(x0 + 60, y0 + 60), (x1 - 60, y0 + 60), (x1 - 60, y1 - 60), (x0 + 60, y1 - 60), (x0 + 60, y0 + 60)]
    sheet.way(ring, highway="footway")
    for gate, curb, inner in zip(
        gates,
        [(x, lot.curb_south), (x, lot.curb_north), (lot.curb_west, y), (lot.curb_east, y)],
        [(x, y0 + 60), (x, y1 - 60), (x0 + 60, y), (x1 - 60, y)],
        strict=True,
    ):
        sheet.way([curb, gate, inner], highway="footway")
    rx, ry = (x1 - x0) * 0.24, (y1 - y0) * 0.2
    lake = [
        (x + 30 + rx * math.cos(t * math.pi / 10) * (1 + 0.15 * math.sin(t)), y - 20 + ry * math.sin(t * math.pi / 10)) for t in range(20)
    ]
    sheet.ring(lake, natural="water", water="lake", name=name.replace("公园", "湖").replace("植物园", "池"))
    sheet.box(x0 + 80, y1 - 150, x0 + 190, y1 - 80, natural="wood")
    sheet.box(x1 - 200, y1 - 140, x1 - 90, y1 - 80, leisure="pitch", sport="soccer")
    places.facilities.append(("pitch", "", (x1 - 150, y1 - 110)))


def river(sheet: Sheet, places: Places) -> None:
    """The river with an island, parks on its banks, and a promenade that passes under the bridges."""
    low, high = plan.WEST - plan.MARGIN, plan.EAST + plan.MARGIN
    xs = [low + (high - low) * k / 120 for k in range(121)]
    bank = [plan.RIVER_HALF_WIDTH + 14 * math.sin(x / 410) + 9 * math.sin(x / 170 + 1) for x in xs]
    south = [(x, plan.RIVER - half) for x, half in zip(xs, bank, strict=True)]
    north = [(x, plan.RIVER + half) for x, half in zip(xs, reversed(bank), strict=True)]
    island = [(820 + 330 * math.cos(t * math.pi / 12), plan.RIVER + 34 * math.sin(t * math.pi / 12)) for t in range(24)]
    outer = sheet.ring([*south, *reversed(north)])
    inner = sheet.ring(island, natural="wood", name="乌有洲")
    sheet.relation([("w", outer, "outer"), ("w", inner, "inner")], type="multipolygon", natural="water", water="river", name="虚水")
    sheet.line([(x, plan.RIVER) for x in xs], waterway="river", name="虚水")
    for row, side, first, last, name in ((5, -1, 2, 10, "滨河北公园"), (4, 1, 3, 11, "滨河南公园")):
        street = ROWS[row]
        inner_edge = plan.RIVER - side * (plan.RIVER_HALF_WIDTH + 26)
        for i in range(first, last):
            x0, x1 = COLUMNS[i] + 14 + (9 if i in (2, 6, 10) else 0), COLUMNS[i + 1] - 14 - (9 if i + 1 in (2, 6, 10) else 0)
            y0, y1 = sorted((street + side * 20, inner_edge))
            path = round(inner_edge + -side * 12, 2)
            middle = round((COLUMNS[i] + COLUMNS[i + 1]) / 2, 1)
            sheet.way([(middle, street), (middle, path)], highway="footway")
            if i % 3 == 1:
                sheet.box(x0, y0, x1, y1, landuse="grass")
            else:
                _park(sheet, places, f"{name}{numeral(i)}段", (x0, y0, x1, y1), [(middle, y0 if side > 0 else y1)], fenced=False)
        sheet.way([(COLUMNS[first] + 30, path), (COLUMNS[last] - 30, path)], highway="footway", name=f"{name[:3]}步道")


def _park(sheet: Sheet, places: Places, name: str, ground: Rect, gates: list[Point], *, fenced: bool, fee: bool = False) -> None:
    sheet.box(*ground, gates=gates, leisure="park", name=name, fee="yes" if fee else "", barrier="fence" if fenced else "")
    for gate in gates if fenced else ():
        sheet.at(*gate, barrier="gate", entrance="yes")
    places.parks[name] = (ground, gates, fee)
