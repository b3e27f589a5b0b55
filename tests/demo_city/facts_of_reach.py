"""Planted facts of Zixu about getting there: what is near as the crow flies and far on foot, stops, and the services of a district."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np

from tests.demo_city import housing, plan, streets
from tests.demo_city.draft import Point, Sheet
from tests.demo_city.facts import Fact, fact, lonlat, metres, middle, straight
from tests.demo_city.places import Places
from tests.demo_city.plan import COLUMNS, ROWS


def walks(places: Places) -> list[Fact]:
    """Places that are near as the crow flies and far on foot.

    The least walk is made of straight lines between the gates and bridges that must be passed; the most is the best of the drawn ways round,
    with half a percent and the width of a dual road.
    """
    facts = []
    north, south = ROWS[5], ROWS[4]

    def by(crossings: list[tuple[Point, Point]], a: Point, b: Point) -> tuple[float, float]:
        routes = [[a, first, second, b] for first, second in crossings]
        return min(_beeline(route) for route in routes), _most(routes)

    bridges = [((COLUMNS[i], north), (COLUMNS[i], south)) for i in plan.BRIDGES]
    west = COLUMNS[plan.RING_WEST]
    a, b = (west, north), (west, south)
    least, most = by(bridges[1:], a, b)
    facts.append(
        fact(
            "west_bridge",
            "only_crossing",
            (west, plan.RIVER),
            f"西环路桥是城西唯一的过河通道；断桥后，相距 {straight(a, b):.0f} 米的两岸至少要走 {least / 1000:.1f} 公里。",
            f"The bridge of the west ring is the only crossing in the west: without it, the banks {straight(a, b):.0f} m apart are at least {least / 1000:.1f} km apart on foot.",
            **{"from": lonlat(a), "to": lonlat(b)},
            straight_m=round(straight(a, b)),
            at_least_m=round(least - 40),
            at_most_m=most,
        )
    )
    a, b = (COLUMNS[4], north), (COLUMNS[4], south)
    least, most = by(bridges, a, b)
    facts.append(
        fact(
            "across_the_river",
            "detour",
            a,
            f"折柳街口两岸直线相距 {straight(a, b):.0f} 米，步行至少 {least / 1000:.1f} 公里。",
            f"At Zheliu Street the banks are {straight(a, b):.0f} m apart in a straight line and at least {least / 1000:.1f} km on foot.",
            **{"from": lonlat(a), "to": lonlat(b)},
            straight_m=round(straight(a, b)),
            at_least_m=round(least - 40),
            at_most_m=most,
        )
    )
    crossings = [((COLUMNS[i], ROWS[10]), (COLUMNS[i], ROWS[11])) for i in (*plan.OVERPASSES, *plan.UNDERPASSES)]
    crossings.append(((streets.FOOTBRIDGE_X, ROWS[10]), (streets.FOOTBRIDGE_X, ROWS[11])))
    a, b = (COLUMNS[3], ROWS[10]), (COLUMNS[3], ROWS[11])
    least, most = by(crossings, a, b)
    facts.append(
        fact(
            "across_the_railway",
            "detour",
            a,
            f"采薇街被铁路隔断：两侧直线相距 {straight(a, b):.0f} 米，步行至少 {least / 1000:.1f} 公里。",
            f"The railway cuts Caiwei Street: its two sides are {straight(a, b):.0f} m apart in a straight line and at least {least / 1000:.1f} km on foot.",
            **{"from": lonlat(a), "to": lonlat(b)},
            straight_m=round(straight(a, b)),
            at_least_m=round(least - 40),
            at_most_m=most,
        )
    )
    _, school, gate = places.schools[housing.WALLED_SCHOOL]
    _, compound, (exit_, *_) = places.compounds[housing.WALLED_COMPOUND]
    home = (compound[0] + 8, exit_[1])  # where the compound's lane ends at the school's wall
    flat = straight(home, (school[2], home[1]))
    block = plan.LOTS[housing.WALLED]
    least = _beeline([home, exit_, gate])
    most = _most(
        [
            [home, exit_, (block.curb_east, exit_[1]), (block.curb_east, y), (block.curb_west, y), (block.curb_west, gate[1]), gate]
            for y in (block.curb_south, block.curb_north)
        ]
    )
    facts.append(
        fact(
            "school_behind_the_wall",
            "detour",
            home,
            f"{housing.WALLED_SCHOOL}就在{housing.WALLED_COMPOUND}墙外：直线 {flat:.0f} 米，步行至校门至少 {least:.0f} 米。",
            f"Zhaoying Primary School lies just behind the wall of Zhaoying Court: {flat:.0f} m in a straight line, at least {least:.0f} m on foot to its gate.",
            **{"from": lonlat(home), "to": lonlat(gate)},
            straight_m=round(straight(home, gate)),
            school=housing.WALLED_SCHOOL,
            near_m=round(flat),
            at_least_m=round(least - 20),
            at_most_m=most,
            resident=True,
        )
    )
    lot, _, (one, other) = places.compounds[housing.SEALED_NAME]
    a, b = (one[0], lot.curb_south), (other[0], lot.curb_north)
    routes = [[a, (x, a[1]), (x, b[1]), b] for x in (lot.curb_west, lot.curb_east)]
    least, most = min(_beeline(route) for route in routes), _most(routes)
    facts.append(
        fact(
            "no_through_passage",
            "detour",
            lot.middle,
            f"{housing.SEALED_NAME}只许住户通行：南北两门外直线相距 {straight(a, b):.0f} 米，外人须绕行至少 {least:.0f} 米。",
            f"Only residents pass through Suoyan Residence: outside its two gates, {straight(a, b):.0f} m apart in a straight line, others walk at least {least:.0f} m round it.",
            **{"from": lonlat(a), "to": lonlat(b)},
            straight_m=round(straight(a, b)),
            at_least_m=round(least - 5),
            at_most_m=most,
        )
    )
    return facts


def _beeline(route: list[Point]) -> float:
    return sum(straight(a, b) for a, b in itertools.pairwise(route))


def _most(routes: list[list[Point]]) -> int:
    return round(min(metres(route) for route in routes) * 1.005 + 2 * plan.HALF_MEDIAN)


def bus_and_streets(sheet: Sheet, stops: list[tuple[str, Point, Point]]) -> list[Fact]:
    name, a, b = min(stops, key=lambda stop: (abs(straight(stop[1], stop[2]) - 30.0), stop[0]))
    apart = straight(a, b)
    facts = [
        fact(
            "one_stop",
            "one_facility",
            a,
            f"公交站“{name}”有两个站台，相距 {apart:.0f} 米，是一个站。",
            f"The bus stop {name} has two platforms {apart:.0f} m apart: it is one stop.",
            name=name,
            nodes=2,
            value=round(apart, 1),
            within=2.0,
        )
    ]
    facts.append(
        fact(
            "bus_stops",
            "count_nodes",
            (0.0, 0.0),
            f"公交站台共 {2 * len(stops)} 个，{len(stops)} 对。",
            f"There are {2 * len(stops)} bus platforms in {len(stops)} pairs.",
            tags={"highway": "bus_stop"},
            value=2 * len(stops),
            within=0,
        )
    )
    # Platforms of one name within 50 m of each other are one facility.
    count = sum(1 if straight(a, b) <= 50 else 2 for _, a, b in stops)
    facts.append(
        fact(
            "sites_bus_stop",
            "sites",
            (0.0, 0.0),
            f"同名且相距不足 50 米的站台算一个站，共 {count} 个公交站。",
            f"Platforms of one name within 50 m are one stop: there are {count} bus stops.",
            metric="bus_stop_500m_coverage",
            of="bus_stop",
            value=count,
            within=0,
        )
    )
    count = len(streets.STATIONS)
    facts.append(
        fact(
            "sites_rail_station",
            "sites",
            (0.0, ROWS[7]),
            f"轨道车站 {count} 座，换乘站只计一次。",
            f"There are {count} rail stations; the one where both lines meet counts once.",
            metric="rail_station_800m_coverage",
            of="rail_station",
            value=count,
            within=0,
        )
    )
    west, south, _, north = next((lot.x0, lot.y0, lot.x1, lot.y1) for lot in plan.LOTS.values() if lot.kind == "v")
    place = (west + 200, (south + north) / 2)
    gap = min(straight(place, stop) for _, *both in stops for stop in both)
    assert gap > 550, gap
    facts.append(
        fact(
            "village_without_bus",
            "no_stop_within",
            place,
            f"北溟村西头 500 米（直线）内没有公交站；最近的站相距 {gap:.0f} 米。",
            f"No bus stop lies within 500 m of the west of the urban village Beiming; the nearest is {gap:.0f} m away.",
            limit_m=500,
            value=round(gap),
            within=15,
        )
    )
    ends = [_dead_end(i, j, along, k, share) for ((i, j), along, k), share in plan.DEAD_ENDS.items()]
    facts.append(
        fact(
            "dead_ends",
            "dead_ends",
            ends[0],
            f"{len(ends)} 条街道在街区中间断头。",
            f"{len(ends)} public streets stop in the middle of a block.",
            at=[lonlat(end) for end in ends],
            value=len(ends),
            within=0,
        )
    )
    return facts


def _dead_end(i: int, j: int, along: str, k: int, share: float) -> Point:
    xs, ys = plan.divisions(i, j)
    if along == "column":
        return xs[k], round(ys[0] + (ys[-1] - ys[0]) * share, 2)
    return round(xs[0] + (xs[-1] - xs[0]) * share, 2), ys[k]


def services(sheet: Sheet, places: Places) -> list[Fact]:
    counts = Counter(kind for kind, _, _ in places.facilities)
    titles = {
        "primary": ("小学", "primary schools"), "middle": ("中学", "middle schools"), "kindergarten": ("幼儿园", "kindergartens"), "clinic": ("社区卫生服务中心", "community health centres"),
        "pharmacy": ("药店", "pharmacies"), "eldercare": ("日间照料中心", "day-care centres for the elderly"), "market": ("菜市场", "food markets"), "convenience": ("便利店", "convenience shops"),
        "parcel": ("快递柜", "parcel lockers"), "restaurant": ("饭店", "restaurants"), "supermarket": ("超市", "supermarkets"), "community": ("社区服务站", "community service stations"),
    }  # fmt: skip
    facts = [
        fact(
            f"count_{kind}",
            "facilities",
            (0.0, 0.0),
            f"{zh} {counts[kind]} 个。",
            f"There are {counts[kind]} {en}.",
            of=kind,
            value=counts[kind],
            within=0,
        )
        for kind, (zh, en) in titles.items()
    ]
    for kind, metric, of in (
        ("primary", "school_coverage", "primary_school"),
        ("middle", "school_coverage", "middle_school"),
        ("kindergarten", "childcare_coverage", "kindergarten"),
        ("pharmacy", "health_coverage", "pharmacy"),
    ):
        zh, en = titles[kind]
        facts.append(
            fact(
                f"sites_{of}",
                "sites",
                (0.0, 0.0),
                f"指标所用的{zh}也是 {counts[kind]} 个，停业的不计。",
                f"The metrics use the same {counts[kind]} {en}, and none that is closed.",
                metric=metric,
                of=of,
                value=counts[kind],
                within=0,
            )
        )
    for code, (name, (west, south, east, north)) in plan.DISTRICTS.items():
        inside = sum(kind == "pharmacy" and west <= x < east and south <= y < north for kind, _, (x, y) in places.facilities)
        zh, en = name.split(" ", 1)
        facts.append(
            fact(
                f"pharmacies_{code}",
                "facilities",
                middle((west, south, east, north)),
                f"{zh}有药店 {inside} 个。",
                f"There are {inside} pharmacies in {en}.",
                of="pharmacy",
                area_id=code,
                value=inside,
                within=0,
            )
        )
    closed = [
        (point, tags)
        for point, tags in sheet.nodes
        if tags.get("disused") == "yes" or tags.get("shop") == "vacant" or "disused:amenity" in tags
    ]
    facts.append(
        fact(
            "closed",
            "closed",
            closed[0][0],
            f"{len(closed)} 处店铺已停业或空置，不应计入。",
            f"{len(closed)} shops are closed or vacant and must not count.",
            value=len(closed),
            within=0,
        )
    )
    top = float(np.round(plan.height_m(*plan.HILLTOP)))
    facts.append(
        fact(
            "hilltop",
            "height",
            plan.HILLTOP,
            f"虚无山顶高约 {top:.0f} 米。",
            f"The top of Mount Xuwu is about {top:.0f} m high.",
            value=top,
            within=4.0,
        )
    )
    return facts
