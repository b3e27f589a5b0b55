"""Streets of Zixu: the skeleton, local streets, motorway and elevated road, footbridges; railway and metro tracks; bus and rail routes."""

from __future__ import annotations

import itertools
from collections import Counter

from tests.demo_city import plan
from tests.demo_city.draft import Point, Sheet
from tests.demo_city.plan import COLUMNS, EDGES, HALF_MEDIAN, ROWS, Edge, draw

FIRST, LAST = "春夏秋冬风花雪月山水云霞松竹梅兰", "晴雨岚荫溪影声香隐梦照寒朝暮归远"
KIND_OF_STREET = {"o": "胡同", "w": "街", "m": "街", "n": "路", "c": "巷", "g": "路", "i": "路", "l": "路", "e": "路"}

# Straight across the railway on foot, by steps: west of the station.
FOOTBRIDGE_X = 60.0
STATION_SQUARE = (-75.0, 1612.0, 45.0, 1640.0)


def draw_streets(sheet: Sheet) -> dict[Edge, tuple[int, ...]]:
    """Draw every street; returns the ways of each piece of the skeleton, for the routes."""
    drawn = {edge: _skeleton_piece(sheet, edge) for edge in EDGES}
    _local_streets(sheet)
    _motorway(sheet)
    _elevated_road(sheet)
    _footbridges(sheet)
    _signals(sheet)
    return drawn


def _xy(edge: Edge, along: float, aside: float = 0.0) -> Point:
    """A point of a skeleton piece: its plan number along, and metres to the left of the middle."""
    return (along, edge.at + aside) if edge.along == "row" else (edge.at - aside, along)


def _dual_across(edge: Edge, at: float) -> bool:
    """Whether the line that crosses at an end of a piece is a dual road there."""
    lines, along = (COLUMNS, "column") if edge.along == "row" else (ROWS, "row")
    if at not in lines:
        return False
    line = lines.index(at)
    here = (ROWS if edge.along == "row" else COLUMNS).index(edge.at)
    steps = ROWS if edge.along == "row" else COLUMNS
    pieces = [plan.edge_at(along, line, steps[k]) for k in (here - 1, here) if 0 <= k < len(steps)]
    return any(piece is not None and piece.dual for piece in pieces)


def _goes_on(edge: Edge, at: float) -> bool:
    """Whether the same road, with as many carriageways, goes on beyond an end of a piece."""
    return any(
        e is not edge and e.along == edge.along and e.line == edge.line and at in (e.low, e.high) and e.dual == edge.dual for e in EDGES
    )


def _skeleton_piece(sheet: Sheet, edge: Edge) -> tuple[int, ...]:
    tags = {"highway": edge.road_class, "name": edge.name}
    level = 0
    if edge.structure:
        level = 1 if edge.structure == "bridge" else -1
        tags |= {edge.structure: "yes", "layer": str(level)}
    if not edge.dual:
        tags |= {"lanes": "4" if edge.road_class == "secondary" else "6" if edge.road_class == "primary" else "2"}
        return (sheet.way([_xy(edge, edge.low), _xy(edge, edge.high)], level, **tags),)
    # At its last crossing a dual road ends at the far carriageway of the road across.
    low = edge.low - (HALF_MEDIAN if _dual_across(edge, edge.low) and not _goes_on(edge, edge.low) else 0.0)
    high = edge.high + (HALF_MEDIAN if _dual_across(edge, edge.high) and not _goes_on(edge, edge.high) else 0.0)
    tags |= {"oneway": "yes", "lanes": "4" if edge.ring else "3"}
    # Traffic keeps right: looking along the line, the right-hand carriageway runs forward.
    return (
        sheet.way([_xy(edge, low, -HALF_MEDIAN), _xy(edge, high, -HALF_MEDIAN)], level, **tags),
        sheet.way([_xy(edge, high, HALF_MEDIAN), _xy(edge, low, HALF_MEDIAN)], level, **tags),
    )


def _local_streets(sheet: Sheet) -> None:
    """Streets inside the quarters; one that does not go on beyond a dual road ends at its far carriageway."""
    pieces = []
    for j in range(len(ROWS) - 1):
        for i in range(len(COLUMNS) - 1):
            if not plan.urban(i, j):
                continue
            xs, ys = plan.divisions(i, j)
            for along, lines, across in (("column", xs, ys), ("row", ys, xs)):
                for k, at in enumerate(lines[1:-1], start=1):
                    share = plan.DEAD_ENDS.get(((i, j), along, k), 1.0)
                    high = across[0] + (across[-1] - across[0]) * share
                    pieces.append(((i, j), along, k, len(lines) - 1, at, across[0], round(high, 2), share < 1.0))
    ends = Counter((along, at, end) for _, along, _, _, at, low, high, _ in pieces for end in (low, high))
    for (i, j), along, k, count, at, low, high, cut in pieces:
        kind = plan.kind_of(i, j)
        middle = count % 2 == 0 and k == count // 2
        highway = "tertiary" if kind == "n" or (middle and kind != "o") else "unclassified" if kind in "iel" else "residential"
        beside = ("row", j, COLUMNS[i]) if along == "column" else ("column", i, ROWS[j])
        ahead = ("row", j + 1, COLUMNS[i]) if along == "column" else ("column", i + 1, ROWS[j])
        if ends[along, at, low] == 1 and (edge := plan.edge_at(*beside)) is not None and edge.dual:
            low -= HALF_MEDIAN
        if not cut and ends[along, at, high] == 1 and (edge := plan.edge_at(*ahead)) is not None and edge.dual:
            high += HALF_MEDIAN
        number = int(draw("street", along, at) * len(FIRST) * len(LAST))
        name = FIRST[number % len(FIRST)] + LAST[number // len(FIRST)] + KIND_OF_STREET.get(kind, "街")
        points = [(at, low), (at, high)] if along == "column" else [(low, at), (high, at)]
        lanes = "2" if highway != "residential" else ""
        sheet.way(points, highway=highway, name=name, lanes=lanes)


def _motorway(sheet: Sheet) -> None:
    """The motorway passes west of the city, over river, railway and radial, and under the hill; one pair of ramps reaches the radial."""
    x, south, north = plan.MOTORWAY_X, plan.SOUTH - plan.MARGIN, plan.NORTH + plan.MARGIN
    bridges, tunnels = [(-1800.0, -1380.0), (-300.0, -60.0), (1580.0, 1800.0)], [(-3500.0, -2600.0)]
    cuts = sorted({south, north, *(at for pair in (*bridges, *tunnels) for at in pair)})
    for low, high in itertools.pairwise(cuts):
        tags = {"highway": "motorway", "name": "虚乌高速公路", "ref": "X99", "oneway": "yes", "lanes": "2"}
        level = 1 if (low, high) in bridges else -1 if (low, high) in tunnels else 0
        if level:
            tags |= {"bridge" if level > 0 else "tunnel": "yes", "layer": str(level)}
        sheet.way([(x + 10, low), (x + 10, high)], level, **tags)
        sheet.way([(x - 10, high), (x - 10, low)], level, **tags)
    radial = ROWS[7]
    for side, inward in ((1, -1), (-1, 1)):
        edge = radial + inward * HALF_MEDIAN
        tags = {"highway": "motorway_link", "oneway": "yes", "lanes": "1"}
        sheet.way([(x + side * 10, radial - side * 420), (x + side * 60, radial - side * 200), (x + side * 60, edge)], **tags)
        sheet.way([(x + side * 60, edge), (x + side * 60, radial + side * 200), (x + side * 10, radial + side * 420)], **tags)


ELEVATED_ROW, ELEVATED_WEST = 9, 1600.0


def _elevated_road(sheet: Sheet) -> None:
    """An elevated expressway above the street to the development zone: no way on foot, and no obstacle on the ground."""
    y, east = ROWS[ELEVATED_ROW], COLUMNS[-1]
    tags = {
        "highway": "trunk",
        "name": "蜃楼高架快速路",
        "motorroad": "yes",
        "oneway": "yes",
        "lanes": "3",
        "bridge": "viaduct",
        "layer": "2",
    }
    sheet.way([(ELEVATED_WEST, y), (ELEVATED_WEST + 160, y - 6), (east - 160, y - 6), (east, y)], 2, **tags)
    sheet.way([(east, y), (east - 160, y + 6), (ELEVATED_WEST + 160, y + 6), (ELEVATED_WEST, y)], 2, **tags)


def _footbridges(sheet: Sheet) -> None:
    """Steps and bridges on foot: over the railway beside the station, over the axis in the centre."""
    x, bridge = FOOTBRIDGE_X, {"highway": "footway", "bridge": "yes", "layer": "1", "name": "鹊桥"}
    south, north = ROWS[10], ROWS[11]
    sheet.way([(x, south), (x, south + 40)], highway="steps", step_count="48")
    sheet.way([(x, south + 40), (x, north - 40)], 1, **bridge)
    sheet.way([(x, north - 40), (x, north)], highway="steps", step_count="48")
    y = 720.0
    for side in (-1, 1):
        sheet.way([(side * 40, y), (side * 22, y)], highway="steps", step_count="36")
        sheet.way([(side * 40, y), (side * 40, 780.0)], highway="footway")
    sheet.way([(-22, y), (22, y)], 1, highway="footway", bridge="yes", layer="1", name="天桥")


def _signals(sheet: Sheet) -> None:
    """Traffic lights and crossings where skeleton streets meet."""
    for i, x in enumerate(COLUMNS):
        for j, y in enumerate(ROWS):
            row = [plan.edge_at("row", j, COLUMNS[k]) for k in (i - 1, i) if 0 <= k < len(COLUMNS)]
            column = [plan.edge_at("column", i, ROWS[k]) for k in (j - 1, j) if 0 <= k < len(ROWS)]
            row, column = [e for e in row if e], [e for e in column if e]
            if row and column and not any(e.structure for e in column) and not any(e.dual for e in (*row, *column)):
                sheet.at(x, y, highway="traffic_signals", crossing="traffic_signals")


# Tracks and routes.

METRO_1 = ("1号线", "地铁1号线", [(0.0, 3150.0), (0.0, -4850.0)])
METRO_2 = (
    "2号线",
    "轻轨2号线",
    [(-4400.0, -180.0), (3400.0, -180.0), (3640.0, 240.0), (3640.0, 700.0), (4000.0, 1020.0), (5400.0, 1020.0)],
)
STATIONS = (
    ("空山路", 0.0, 2450.0, "1"), ("子虚站", 0.0, 1640.0, "1"), ("槐安路", 0.0, 1020.0, "1"), ("浮生路", 0.0, 420.0, "1"),
    ("无何广场", 0.0, -180.0, "12"), ("滨河北路", 0.0, -1300.0, "1"), ("水月大路", 0.0, -2500.0, "1"), ("望舒路", 0.0, -3200.0, "1"), ("南环路", 0.0, -4100.0, "1"), ("南极路", 0.0, -4800.0, "1"),
    ("西山路", -4400.0, -180.0, "2"), ("西环路", -3400.0, -180.0, "2"), ("采薇街", -2500.0, -180.0, "2"), ("折柳街", -1600.0, -180.0, "2"), ("乌有大街", 1600.0, -180.0, "2"),
    ("听雪街", 2500.0, -180.0, "2"), ("东环路", 3400.0, -180.0, "2"), ("蜃气街", 4400.0, 1020.0, "2"), ("东极路", 5330.0, 1020.0, "2"),
)  # fmt: skip


def draw_rail(sheet: Sheet) -> None:
    """Railway, its station and sidings, and the two metro lines with stations and entrances."""
    west, east = plan.WEST - plan.MARGIN, plan.EAST + plan.MARGIN
    for y in (plan.RAIL - 3, plan.RAIL + 3):
        sheet.line(_every(west, east, y), railway="rail", name="乌虚铁路", gauge="1435", electrified="contact_line")
    for k, y in enumerate((plan.RAIL - 11, plan.RAIL + 11, plan.RAIL + 17)):
        sheet.line(
            [
                (-700.0 - 40 * k, plan.RAIL + (3 if y > plan.RAIL else -3)),
                (-560.0, y),
                (560.0, y),
                (700.0 + 40 * k, plan.RAIL + (3 if y > plan.RAIL else -3)),
            ],
            railway="rail",
            service="siding",
        )
    sheet.node(0.0, plan.RAIL, railway="station", public_transport="station", name="子虚站", train="yes")
    stations: dict[str, list[int]] = {"1": [], "2": []}
    for name, x, y, lines in STATIONS:
        for line in lines:
            aside = 6.0 if lines == "12" and line == "2" else 0.0
            handle = sheet.node(
                x + aside,
                y,
                railway="station",
                public_transport="station",
                name=f"{name}站",
                station="subway" if line == "1" else "light_rail",
                subway="yes" if line == "1" else "",
                light_rail="yes" if line == "2" else "",
            )
            stations[line].append(handle)
        corners = [(-34, -32), (34, -32), (34, 32), (-34, 32)] if "1" in lines else [(-30, -30), (30, 30)]
        if name == "子虚站":
            corners = [(-55, -16), (40, -16)]
        for k, (dx, dy) in enumerate(corners):
            sheet.node(x + dx, y + dy, railway="subway_entrance", name=f"{name}站{'ABCD'[k]}口", ref="ABCD"[k])
    for (ref, name, points), kind in ((METRO_1, "subway"), (METRO_2, "light_rail")):
        tags = {"tunnel": "yes", "layer": "-3"} if kind == "subway" else {"bridge": "viaduct", "layer": "2"}
        dense = [p for a, b in itertools.pairwise(points) for p in _between(a, b)] + [points[-1]]
        track = sheet.line(dense, railway=kind, name=name, **tags)
        sheet.relation(
            [("n", s, "stop") for s in stations[ref[0]]] + [("w", track, "")],
            type="route",
            route=kind,
            ref=ref,
            name=name,
            network="子虚轨道交通",
        )


def _every(low: float, high: float, y: float) -> list[Point]:
    count = int((high - low) // 100)
    return [(low + (high - low) * k / count, y) for k in range(count + 1)]


def _between(a: Point, b: Point) -> list[Point]:
    count = max(1, int(((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2) ** 0.5 // 100))
    return [(a[0] + (b[0] - a[0]) * k / count, a[1] + (b[1] - a[1]) * k / count) for k in range(count)]


# Bus routes by the skeleton nodes (column, row) at which they turn.
BUS_ROUTES = (
    ("1", [(6, 10), (6, 5), (6, 1)]), ("2", [(1, 7), (10, 7)]), ("3", [(3, 9), (9, 9), (9, 5)]), ("4", [(2, 3), (11, 3)]),
    ("5", [(8, 13), (8, 4), (8, 1)]), ("6", [(2, 5), (10, 5)]), ("7", [(3, 6), (10, 6)]), ("8", [(1, 6), (1, 7), (5, 7), (5, 9), (8, 9)]),
    ("9", [(4, 2), (10, 2)]), ("10", [(4, 13), (4, 5)]), ("11", [(3, 8), (10, 8)]), ("12", [(3, 2), (3, 4), (8, 4), (8, 5)]),
    ("环1", [(2, 1), (10, 1), (10, 13), (2, 13), (2, 1)]), ("16", [(4, 12), (10, 12), (10, 9), (12, 9)]),
)  # fmt: skip


def draw_buses(sheet: Sheet, ways: dict[Edge, tuple[int, ...]]) -> list[tuple[str, Point, Point]]:
    """Draw stops on both sides of every street that a route takes, and the routes; returns name and both places of each pair."""
    stops: dict[Edge, list[int]] = {}
    pairs = []
    for ref, corners in BUS_ROUTES:
        taken = [edge for a, b in itertools.pairwise(corners) for edge in _taken(a, b)]
        members: list[tuple[str, int, str]] = []
        for edge in taken:
            if edge not in stops:
                stops[edge] = []
                for share in () if edge.structure else (0.5,) if edge.high - edge.low < 750 else (0.28, 0.78):
                    at = round(edge.low + (edge.high - edge.low) * share, 2)
                    name = f"{edge.name}{_cross_name(edge)}{'' if share < 0.7 else '东' if edge.along == 'row' else '北'}站"
                    aside = plan.setback(edge) - 4.0
                    both = _xy(edge, at - 12, aside), _xy(edge, at + 12, -aside)
                    stops[edge] += [
                        sheet.node(*place, highway="bus_stop", public_transport="platform", bus="yes", name=name) for place in both
                    ]
                    pairs.append((name, *both))
            members += [("n", stop, "platform") for stop in stops[edge]] + [("w", way, "") for way in ways[edge]]
        sheet.relation(members, type="route", route="bus", ref=ref, name=f"{ref}路", network="子虚公交")
    return pairs


def _taken(a: tuple[int, int], b: tuple[int, int]) -> list[Edge]:
    if a[1] == b[1]:
        steps = range(min(a[0], b[0]), max(a[0], b[0]))
        found = [plan.edge_at("row", a[1], COLUMNS[i]) for i in steps]
    else:
        found = [plan.edge_at("column", a[0], ROWS[j]) for j in range(min(a[1], b[1]), max(a[1], b[1]))]
    missing = [step for step, edge in enumerate(found) if edge is None]
    if missing:
        raise ValueError(f"no street for a bus from {a} to {b}: pieces {missing}")
    return [edge for edge in found if edge]


def _cross_name(edge: Edge) -> str:
    if edge.along == "row":
        return plan.COLUMN_NAMES[COLUMNS.index(edge.low)]
    return plan.ROW_NAMES[ROWS.index(edge.low)]
