"""Ring roads and radials: which roads run around the city's centre, how complete they are, which leave them outwards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from spatial.areas import CITY, FULL_COVERAGE, Areas
from spatial.city import City
from spatial.errors import shown
from spatial.metrics.centre import Centre, city_centre
from spatial.metrics.land import built_up_area
from spatial.metrics.registry import metric
from spatial.metrics.ring_evidence import centre_frame, radials_frame, ring_gaps_frame, rings_frame
from spatial.metrics.ring_names import called, known_rings, numbers_of, ring_keys
from spatial.overlay import Floats, Geometries, Ints
from spatial.result import Evidence, MetricResult
from spatial.roads import road_model, unknown_note
from spatial.roads.radials import COUNTED_AT, LEAVES_WITHIN_M, Radial, counting_line, find_radials
from spatial.roads.rings import Ring, find_rings, nested
from spatial.text import Text

BRIDGED_M = 200.0
# Without a ring radials leave from the built-up area; without that from a circle of this radius (to be confirmed).
NO_RING_RADIUS_M = 5000.0
LEAST_SEEN = 0.75  # of that circle, for its radials to be counted at all (to be confirmed)
_SHOWN, _LISTED = 6, 20

LEVELS: Mapping[str, tuple[str, ...]] = {
    "motorway": ("motorway",),
    "expressway": ("motorway", "expressway"),
    "arterial": ("motorway", "expressway", "primary", "secondary"),
}
_LEVEL_TITLES = {
    "motorway": Text("高速公路", "motorways"),
    "expressway": Text("高速公路、快速路", "motorways and expressways"),
    "arterial": Text("高速公路、快速路、主次干路", "motorways, expressways and arterials"),
}
_LEVEL_OF = {"rings": "motorway", "radials": "motorway", "expressway_rings": "expressway", "arterial_rings": "arterial"}

_UNSEEN = Text(
    "数据未覆盖全市：环线可能在数据之外，不作计数",
    "the data do not cover the whole city: rings may lie beyond them, so there is no count",
)

CITY_ONLY = Text("环线与放射线只对全市计算", "rings and radials are of the whole city, not of a part of it")


@dataclass(frozen=True, eq=False)
class RingRoads:
    """Rings and radials of a city; lines are the open runs of arterials and above.

    Attributes
    ----------
    centre
        Of the city.
    lines, weights, road_class, name, ref
        By run, shape (n,); weights as in ``RoadModel``.
    rings
        By level, from the inside out.
    """

    centre: Centre
    lines: Geometries
    weights: Floats
    road_class: npt.NDArray[np.object_]
    name: npt.NDArray[np.object_]
    ref: npt.NDArray[np.object_]
    rings: Mapping[str, list[Ring]]

    def at(self, level: str) -> npt.NDArray[np.bool_]:
        """Which runs are of a level."""
        return np.isin(self.road_class, LEVELS[level])


def ring_roads(city: City) -> RingRoads:
    """Find the rings of a city once.

    Raises
    ------
    LayerError
        The city has no roads.
    ProjectError
        The project's ``rings.toml`` cannot be used.
    """

    def build() -> RingRoads:
        centre = city_centre(city)
        model = road_model(city)
        used = np.flatnonzero(model.open & np.isin(model.road_class, LEVELS["arterial"]))
        roads = city.frame("roads")
        name, ref = (roads[column].fillna("").astype(str).to_numpy(dtype=object)[model.road[used]] for column in ("name", "ref"))
        found = RingRoads(centre, model.lines[used], model.weights[used], model.road_class[used], name, ref, {})
        rings = {}
        for level in LEVELS:
            mine = np.flatnonzero(found.at(level))
            keys = ring_keys(name[mine], ref[mine], city.folder)
            known = known_rings(city.folder)
            of_level = find_rings(found.lines[mine], keys, centre.point, bridged_m=BRIDGED_M, extent=city.data_extent, known=known)
            rings[level] = [_moved(ring, mine) for ring in of_level]
        return RingRoads(centre, found.lines, found.weights, found.road_class, name, ref, rings)

    return city.memo(("city-wide", "ring_roads"), build)


def _moved(ring: Ring, onto: Ints) -> Ring:
    return Ring(ring.key, onto[ring.members], ring.met, ring.closed, ring.radius_m, ring.outline, ring.gaps)


@metric(
    "ring_radial_structure",
    title=Text("环线与放射线", "Rings and radials"),
    definition=Text(
        "环绕市中心、同一名称或编号、首尾闭合且逐层相套的道路条数（不大于 200 米的断开视为立交、不计断点；完整度为自中心 360 个方向中与环线相交的比例）；"
        "放射线为自内环向外至少 10 公里或到达市界的高速公路，在 1.3 倍内环平均半径处计数，方位相差 5° 以内的同一编号只计一次",
        "Closed roads of one name or number that enclose the centre, one inside the other (breaks of up to 200 m count as interchanges; completeness is the"
        " share of 360 directions from the centre that meet the ring); radials are motorways that leave the inner ring for at least 10 km or to the city"
        " limit, counted at 1.3 × its mean radius, those of one number within 5° once",
    ),
    standard=Text("无统一标准；参数待核", "no common standard; parameters to be confirmed"),
    unit="count",
    bases=("count", ""),
    needs=("roads",),
    variants={
        "rings": Text("高速公路闭合环线", "closed motorway rings"),
        "radials": Text("高速公路放射线", "motorway radials"),
        "expressway_rings": Text("闭合环线（含快速路）", "closed rings, expressways included"),
        "arterial_rings": Text("闭合环线（含快速路、主次干路）", "closed rings, expressways and arterials included"),
    },
    evidence={
        "rings": Evidence(Text("环线（含未闭合）", "rings, broken ones included"), "#0b6e4f"),
        "ring_gaps": Evidence(Text("环线断点（走向为示意）", "gaps of rings (schematic course)"), "#d62828"),
        "radials": Evidence(Text("高速公路放射线", "motorway radials"), "#1d4e89"),
        "centre": Evidence(Text("市中心", "centre of the city"), "#111111"),
    },
    halo_m=None,
)
def ring_radial_structure(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Count closed rings around the centre, or the motorways that leave the inner one.

    Parameters
    ----------
    city
        With ``roads``; metres.
    areas
        Rows; only the whole city has a value.
    variant
        ``rings``, ``radials``, ``expressway_rings`` or ``arterial_rings``.

    Returns
    -------
    MetricResult
        ``value`` a count; ``low``/``high`` where the edge of the data cuts rings that may be whole beyond it; ``estimated`` then, and where the centre is
        not declared, and of radials where there is no ring to leave; NaN where no ring is seen and the data do not cover the whole city. ``evidence["rings"]``: every ring of any level that at least half of the directions
        meet; ``evidence["ring_gaps"]``, ``evidence["radials"]``, ``evidence["centre"]``.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Metric catalogue B1. Where a ring bulges beyond the circle at 1.3 × its mean radius, radials are counted 1 km outside it; where the city limit or the
    edge of the data comes before the circle, there.
    """
    found = ring_roads(city)
    evidence: dict[str, Any] = {} if variant != "rings" else {
        "rings": lambda: rings_frame(city, found),
        "ring_gaps": lambda: ring_gaps_frame(city, found),
        "centre": lambda: centre_frame(city, found.centre),
    }  # fmt: skip
    level = _LEVEL_OF[variant]
    if not found.at(level).any() and city.layer("roads").origin == "osm":
        title = Text("整个 OSM 提取中没有{zh}", "the whole OSM extract has no {en}").format(**_words(_LEVEL_TITLES[level]))
        return MetricResult(np.full(len(areas), np.nan), notes=(title,), absent=True, evidence=evidence)
    notes = [*unknown_note(city), found.centre.note, *_reach_note(city, found.centre)]
    guessed = found.centre.estimated
    low = high = None
    if variant == "radials":
        line, ground, source, estimated = _left(city, areas, found)
        radials = _radials(city, areas, found, line, ground) if line is not None else []
        evidence["radials"] = lambda: radials_frame(city, found, radials)
        notes.append(source)
        if line is None:
            return city_row(areas, np.nan, notes, estimated=False, evidence=evidence)
        guessed |= estimated or any(radial.cut for radial in radials)
        value = len(radials)
        notes += _radial_notes(radials)
    else:
        rings = found.rings[level]
        closed = nested(rings)
        value, cut = len(closed), sum(ring.cut for ring in rings)
        notes += ring_notes(rings)
        if not rings and not _whole(areas):
            return city_row(areas, np.nan, [*notes, _UNSEEN], estimated=False, evidence=evidence)
        if cut:
            guessed, low, high = True, value, value + cut
    return city_row(areas, float(value), notes, estimated=guessed, low=low, high=high, evidence=evidence)


def _whole(areas: Areas) -> bool:
    return bool((areas.coverage[areas.ids == CITY] >= FULL_COVERAGE).all())


def city_row(
    areas: Areas,
    value: float,
    notes: Sequence[Text],
    *,
    estimated: bool,
    numerator: float | None = None,
    denominator: float | None = None,
    low: float | None = None,
    high: float | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> MetricResult:
    """Answer for the whole city alone: every other row says that there is nothing to say of a part."""
    whole = areas.ids == CITY

    def column(number: float | None) -> Floats | None:
        return None if number is None else np.where(whole, number, np.nan)

    return MetricResult(
        np.where(whole, value, np.nan),
        column(value if numerator is None else numerator),
        column(denominator),
        low=column(low),
        high=column(high),
        estimated=whole & estimated,
        row_notes={int(row): [CITY_ONLY] if not whole[row] else list(notes) for row in range(len(areas))},
        evidence=evidence or {},
    )


def ring_notes(rings: Iterable[Ring]) -> list[Text]:
    """Say of each ring how complete it is, and which the edge of the data cuts."""
    said = []
    for ring in list(rings)[:_SHOWN]:
        radius = f"{ring.radius_m / 1e3:.1f}"
        lengths = f"{sum(gap.length_m for gap in ring.gaps) / 1e3:.1f}"
        state = (
            Text("闭合", "closed")
            if ring.closed
            else Text(
                f"未闭合，{ring.met}/360 个方向，断点 {len(ring.gaps)} 处共 {lengths} 公里",
                f"not closed, {ring.met} of 360 directions, {len(ring.gaps)} gaps of {lengths} km together",
            )
        )
        cut = Text("，被数据边缘截断，其外未知", ", cut by the edge of the data, unknown beyond") if ring.cut else Text("", "")
        said.append(
            Text(
                f"{called(ring).zh}（平均半径 {radius} 公里）：{state.zh}{cut.zh}",
                f"{called(ring).en} (mean radius {radius} km): {state.en}{cut.en}",
            )
        )
    return said or [Text("没有一条同名道路绕行中心半周以上", "no road of one name or number goes half round the centre")]


def _reach_note(city: City, centre: Centre) -> tuple[Text, ...]:
    """Say how far the data reach around the centre: a larger ring cannot be seen."""
    if city.data_extent is None or not shapely.contains(city.data_extent, centre.point):
        return ()
    reach = f"{shapely.distance(shapely.boundary(city.data_extent), centre.point) / 1e3:.1f}"
    return (
        Text(
            f"数据自中心向外最近处只到 {reach} 公里，更大的环线可能看不全",
            f"the data end {reach} km from the centre where they are nearest: larger rings may not be seen whole",
        ),
    )


def _words(title: Text) -> dict[str, str]:
    return {"zh": title.zh, "en": title.en}


def _left(city: City, areas: Areas, found: RingRoads) -> tuple[Any | None, Any, Text, bool]:
    """Return the line across which radials are counted, the ground that they leave, what that is, and whether it is an assumption.

    There is no line where there is no ring and the data do not reach as far as the circle that stands for it.
    """
    rings = found.rings["motorway"]
    inner = next(iter([*nested(rings), *rings]), None)
    point, outline = found.centre.point, _outline(areas)
    if inner is not None:
        name = called(inner)
        broken = Text("", "") if inner.closed else Text("（未闭合）", " (not closed)")
        source = Text(f"放射线自{name.zh}{broken.zh}起算", f"radials leave from {name.en}{broken.en}")
        line = counting_line(point, inner.radius_m, inner.outline, outline, city.data_extent)
        return line, inner.outline, source, not inner.closed
    ground, radius = _without_ring(city, point)
    source = Text(
        f"没有高速环线：放射线自半径 {radius / 1e3:.1f} 公里的圆起算（与建成区等面积；无建成区时 5 公里），待核",
        f"no motorway ring: radials leave a circle of {radius / 1e3:.1f} km (as large as the built-up area, 5 km without one), to be confirmed",
    )
    line = counting_line(point, radius, None, outline, city.data_extent)
    circle = shapely.boundary(shapely.buffer(point, COUNTED_AT * radius, quad_segs=90))
    if city.data_extent is not None:
        seen = float(shapely.length(shapely.intersection(circle, city.data_extent)) / shapely.length(circle))
        if seen < LEAST_SEEN:
            short = Text(
                f"计数圆只有 {seen:.0%} 在数据之内，不作计数", f"the data hold only {seen:.0%} of the circle of counting: no count"
            )
            return None, ground, Text(f"{source.zh}；{short.zh}", f"{source.en}; {short.en}"), True
    return line, ground, source, True


def _radials(city: City, areas: Areas, found: RingRoads, line: Any, ground: Any) -> list[Radial]:
    in_ring = np.zeros(len(found.lines), bool)
    for ring in found.rings["motorway"]:
        in_ring[ring.members] = True
    used = np.flatnonzero(found.at("motorway") & ~in_ring)
    known = [frozenset(numbers_of(found.ref[at]) or ([found.name[at]] if found.name[at] else [])) for at in used]
    # Of a circle that stands for a ring nobody leaves who only passes by.
    within = LEAVES_WITHIN_M if found.rings["motorway"] else 0.0
    radials = find_radials(
        found.lines[used],
        known,
        found.centre.point,
        line,
        ground,
        city=_outline(areas),
        extent=city.data_extent,
        leaves_within_m=within,
    )
    return [Radial(each.identity, each.bearing_deg, used[each.members], each.reach_m, each.cut) for each in radials]


def _outline(areas: Areas) -> Any:
    return areas.whole[int(np.flatnonzero(areas.ids == CITY)[0])]


def _without_ring(city: City, centre: Any) -> tuple[Any, float]:
    built = float(shapely.area(built_up_area(city).ground).sum())
    radius = float(np.sqrt(built / np.pi)) if built > 0 else NO_RING_RADIUS_M
    return shapely.buffer(centre, radius, quad_segs=90), radius


def _radial_notes(radials: Sequence[Radial]) -> list[Text]:
    if not radials:
        return [Text("没有高速公路向外放射", "no motorway leads outwards")]
    listed = radials[:_LISTED]
    said = [
        Text(
            "放射线：" + "、".join(shown(each.identity) or "无名" for each in listed) + ("…" if len(radials) > len(listed) else ""),
            "radials: " + ", ".join(shown(each.identity) or "unnamed" for each in listed) + ("…" if len(radials) > len(listed) else ""),
        )
    ]
    if cut := sum(each.cut for each in radials):
        said.append(
            Text(f"其中 {cut} 条到数据边缘为止，其外未知", f"{cut} of them end at the edge of the data and may be shorter than 10 km")
        )
    return said
