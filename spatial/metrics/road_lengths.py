"""Kilometres of road by class that are open to traffic on the day of the data: motorways, expressways, arterials, branch roads."""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.areas import CITY, FULL_COVERAGE, Areas, row_called
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.overlay import Floats
from spatial.result import Evidence, MetricResult
from spatial.roads import HALO_M, class_table, parts_by_area, road_model, unknown_note
from spatial.roads.classes import expressways_stated
from spatial.roads.opened import opened_roads, opening_notes
from spatial.roads.side_roads import length_classes
from spatial.text import Text

Bools = npt.NDArray[np.bool_]

BRANCHES = ("tertiary", "unclassified", "residential")
ARTERIAL_READINGS = {"primary_secondary": ("primary", "secondary"), "trunk_roads": ("expressway", "primary")}
LIKE = 0.05
"""Share by which a stated length may differ from a measured one and still be called reproduced: the tolerance of 左右 (to be confirmed)."""

EXACT_M = 1e-6

_ONCE = Text(
    "分幅道路只计一次；匝道、内部道路不计；隧道、桥梁计入",
    "dual carriageways once; links and inner roads left out; tunnels and bridges included",
)


def _titles(*keys: str) -> dict[str, Text]:
    return {key: Text(**class_table()[key]["title"]) for key in keys}


def _definition(zh: str, en: str) -> Text:
    return Text(f"数据日期已通车的{zh}里程：{_ONCE.zh}", f"Length of {en} open to traffic on the day of the data: {_ONCE.en}")


@metric(
    "motorway_length",
    title=Text("高速公路通车里程", "Motorways open to traffic"),
    definition=_definition("高速公路", "motorways"),
    standard=Text(
        "无统一限值，对照规划目标；兼作城市环线的国家高速（绕城）只计为高速公路",
        "no common threshold, held against the plan; a national motorway that is the city's ring counts as motorway alone",
    ),
    unit="km",
    bases=("m", ""),
    evidence={"roads": Evidence(Text("计入的高速公路", "motorways counted"), "#b2182b")},
    needs=("roads",),
    halo_m=HALO_M,
)
def motorway_length(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of open motorways.

    Parameters
    ----------
    city
        With ``roads``; metres.
    areas
        Rows; a road on a common edge counts half on each side.

    Returns
    -------
    MetricResult
        ``value`` km, ``numerator`` m; ``low`` leaves out what opened in a year or month that was not over. ``evidence["roads"]``: what counts.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    Each carriageway of n counts 1/n (``spatial.roads``), so a road is as long as its axis. A road under construction or planned is none.
    """
    return _length(city, areas, ("motorway",))


@metric(
    "expressway_length",
    title=Text("城市快速路里程", "Urban expressways open to traffic"),
    definition=_definition("城市快速路（辅路随主路，不另计）", "urban expressways (side roads go with the main road)"),
    standard=Text(
        "GB/T 51328-2018 快速路（待核）；OSM 中快速路标为 trunk、motorway 或 primary，以本地名录为准",
        "GB/T 51328-2018, expressways (to be confirmed); OSM tags them as trunk, motorway or primary: a local list decides",
    ),
    unit="km",
    bases=("m", ""),
    evidence={"roads": Evidence(Text("计入的城市快速路", "urban expressways counted"), "#e66101")},
    needs=("roads",),
    halo_m=None,
)
def expressway_length(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of open urban expressways.

    Parameters
    ----------
    city
        With ``roads``; metres.
    areas
        Rows; a road on a common edge counts half on each side.

    Returns
    -------
    MetricResult
        ``value`` km, ``numerator`` m; ``estimated`` where no list and no layer ``road_classes`` says which roads are expressways: ``high`` then has
        every other road tagged ``trunk``. ``evidence["roads"]``: what counts, side roads that are carriageways of the expressway included.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    A side road (辅路) belongs to its expressway and makes it no longer; see ``spatial.roads.side_roads``.
    """
    return _length(city, areas, ("expressway",))


@metric(
    "arterial_length",
    title=Text("城市干路里程", "Urban arterials open to traffic"),
    definition=_definition("城市干路，按所选口径", "urban arterials, by the reading chosen"),
    standard=Text(
        "计划中的“干路”按主干路＋次干路解读；GB/T 51328-2018 的“干线”为快速路＋主干路（待核）",
        "a plan's 干路 is read as primary and secondary roads; the trunk roads (干线) of GB/T 51328-2018 are expressways and primary roads"
        " (to be confirmed)",
    ),
    unit="km",
    bases=("m", ""),
    evidence={"roads": Evidence(Text("计入的主干路与次干路", "primary and secondary roads counted"), "#2b6cb0")},
    needs=("roads",),
    variants={
        "primary_secondary": Text("主干路＋次干路", "primary and secondary roads"),
        "trunk_roads": Text("快速路＋主干路（干线）", "expressways and primary roads"),
        **_titles("primary", "secondary"),
    },
    halo_m=None,
)
def arterial_length(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of open arterials in two readings, and of each class.

    Parameters
    ----------
    city
        With ``roads``; metres. Where ``statistics`` state an ``arterial_length``, the row of the city says which reading reproduces it.
    areas
        Rows; a road on a common edge counts half on each side.
    variant
        ``primary_secondary``, ``trunk_roads``, ``primary`` or ``secondary``.

    Returns
    -------
    MetricResult
        ``value`` km, ``numerator`` m; ``low`` is without the roads tagged ``trunk`` that may be expressways, where no list says which are.
        ``evidence["roads"]``: what the first reading counts.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return _length(city, areas, ARTERIAL_READINGS.get(variant, (variant,)), shown=variant == "primary_secondary", stated=_which_reading)


@metric(
    "branch_road_length",
    title=Text("支路里程", "Branch roads open to traffic"),
    definition=_definition(
        "城市支路（tertiary、unclassified 与公共的 residential）", "branch roads (tertiary, unclassified, public residential)"
    ),
    standard=Text("GB/T 51328-2018 支路（待核），无统一限值", "GB/T 51328-2018, branch roads (to be confirmed); no common threshold"),
    unit="km",
    bases=("m", ""),
    evidence={"roads": Evidence(Text("计入的支路", "branch roads counted"), "#4d9221")},
    needs=("roads",),
    variants={"total": Text("合计", "total"), **_titles(*BRANCHES)},
    halo_m=None,
)
def branch_road_length(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of open branch roads.

    Parameters
    ----------
    city
        With ``roads``; metres.
    areas
        Rows; a road on a common edge counts half on each side.
    variant
        ``total`` or a class.

    Returns
    -------
    MetricResult
        ``value`` km, ``numerator`` m. ``evidence["roads"]``: what the total counts.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    A residential street that is gated or private is an inner road and counts nowhere. OSM moves streets between these three classes for years
    (re-tagging), so that the total of two dates is compared more safely than a class.
    """
    return _length(city, areas, BRANCHES if variant == "total" else (variant,), shown=variant == "total")


def counted_runs(city: City, classes: tuple[str, ...]) -> tuple[Bools, Bools]:
    """Return the runs of these classes that the public may drive or will, and which of them were open on the day of the data."""
    model = road_model(city)
    kind, counts = length_classes(city)
    used = model.classes("length", coming=True) & np.isin(kind, classes) & counts & (model.weights > 0)
    return used, used & opened_roads(city).open[model.road]


def _length(
    city: City,
    areas: Areas,
    classes: tuple[str, ...],
    *,
    shown: bool = True,
    stated: Callable[[City, Areas], dict[int, list[Text]]] | None = None,
) -> MetricResult:
    model, opened = road_model(city), opened_roads(city)
    used, mine = counted_runs(city, classes)
    if not used.any() and city.layer("roads").origin == "osm":
        titles = [class_table()[key]["title"] for key in classes]
        return MetricResult.without(
            len(areas),
            Text(
                f"整个 OSM 提取中没有{'、'.join(title['zh'] for title in titles)}",
                f"the whole OSM extract has no {', '.join(title['en'].lower() for title in titles)}",
            ),
        )
    metres = _metres(city, areas, mine)
    doubtful = mine & ~opened.sure[model.road]
    more, fewer, tag_notes = _by_tag_alone(city, classes)
    low = metres - _metres(city, areas, doubtful | (mine & fewer))
    high = metres + _metres(city, areas, more)
    ranged = bool(doubtful.any() or more.any() or (mine & fewer).any())
    whole = shapely.length(model.lines[used]) * model.weights[used]
    by_road = np.bincount(model.road[used], weights=whole, minlength=len(opened.open)).astype(float)
    evidence = {"roads": lambda: _frame(city, mine)} if shown else {}
    return MetricResult(
        value=metres / 1e3,
        numerator=metres,
        low=low / 1e3 if ranged else None,
        high=high / 1e3 if ranged else None,
        estimated=bool(tag_notes) and (classes == ("expressway",) or high - low > EXACT_M),
        notes=[*opening_notes(opened, by_road, city.date), *tag_notes, *unknown_note(city)],
        row_notes=stated(city, areas) if stated else {},
        evidence=evidence,
    )


def _by_tag_alone(city: City, classes: tuple[str, ...]) -> tuple[Bools, Bools, list[Text]]:
    """Tell what of these classes hangs on the tag ``trunk``, where no list and no drawn layer says which roads are expressways.

    Returns
    -------
    tuple
        By run: open trunk roads that would be of these classes if they were expressways, those counted that would not, and what is to be said.
    """
    model = road_model(city)
    none = np.zeros(len(model.road), bool)
    within = {"expressway", "primary"} & set(classes)
    if not within or expressways_stated(city):
        return none, none, []
    trunk = (city.frame("roads")["highway"] == "trunk").to_numpy(dtype=bool)[model.road]
    counted = counted_runs(city, ("primary",))[1] & trunk
    if not trunk.any() and city.layer("roads").origin != "osm":
        return none, none, []
    km = float((shapely.length(model.lines[counted]) * model.weights[counted]).sum()) / 1e3
    note = Text(
        f"快速路由地图标注推断（trunk 且为 motorroad，或名称含“快速路”“高架”），未经本地名录核对；数据内另有 trunk {km:.1f} 公里按主干路计，其中可能有快速路，"
        "标为 primary 的也可能是；请在 city.toml 的 [roads] classes 或图层 road_classes 中列明",
        "expressways are told by tags alone (trunk that is a motorroad or is named 快速路 or 高架), checked against no local list; another"
        f" {km:.1f} km of trunk roads in the data count as primary and may be expressways, as may roads tagged primary; name them in [roads] classes"
        " of city.toml or in the layer road_classes",
    )
    if len(within) == 2:  # between the two classes nothing changes their sum
        return none, none, []
    return (counted, none, [note]) if "expressway" in within else (none, counted, [note] if counted.any() else [])


def _metres(city: City, areas: Areas, used: Bools) -> Floats:
    index, owner, length = parts_by_area(city, areas)
    model = road_model(city)
    return overlay.sum_by(owner, length * np.where(used, model.weights, 0.0)[index], len(areas))


def _which_reading(city: City, areas: Areas) -> dict[int, list[Text]]:
    """Say of the whole city which reading of 干路 reproduces the length that statistics state, where they state one."""
    if city.statistics is None:
        return {}
    frame = city.statistics.frame
    frame = frame[(frame["metric"] == "arterial_length") & (frame["series"] == "")].sort_values("year", kind="stable")
    stated = [
        (int(year), float(value))
        for area, year, value in zip(frame["area"], frame["year"], frame["value"], strict=True)
        if (row := row_called(areas, area, [city.name])) is not None and areas.ids[row] == CITY
    ]
    rows = np.flatnonzero((areas.ids == CITY) & (areas.coverage >= FULL_COVERAGE))
    if not stated or not len(rows):
        return {}
    year, given = stated[-1]
    row = int(rows[0])
    found = {name: _metres(city, areas, counted_runs(city, classes)[1])[row] / 1e3 for name, classes in ARTERIAL_READINGS.items()}
    nearest = min(found, key=lambda name: abs(found[name] - given))
    titles = arterial_length.variants
    off = found[nearest] / given - 1 if given else np.nan
    figures = [f"{titles[name].get(lang)} {km:,.1f}" for lang in ("zh", "en") for name, km in found.items()]
    zh, en = "、".join(figures[: len(found)]), ", ".join(figures[len(found) :])
    if abs(off) <= LIKE:
        end = Text(f"“{titles[nearest].zh}”与之相符（{off:+.1%}）", f"{titles[nearest].en} reproduce it ({off:+.1%})")
    else:
        end = Text(
            f"两种口径均不相符，较近的是“{titles[nearest].zh}”（{off:+.1%}）",
            f"neither reproduces it, {titles[nearest].en} come nearer ({off:+.1%})",
        )
    return {
        row: [
            Text(
                f"统计所载 {year} 年干路 {given:,.1f} 公里，测得{zh}公里：{end.zh}",
                f"statistics state {given:,.1f} km of arterials for {year}; measured, km: {en}: {end.en}",
            )
        ]
    }


def _frame(city: City, used: Bools) -> gpd.GeoDataFrame:
    """Roads that count, with what a planner asks of each line; several stretches of one way may differ in their carriageways."""
    model, roads = road_model(city), city.frame("roads")
    of = model.road[used]
    kind = length_classes(city)[0][used]
    return gpd.GeoDataFrame(
        {
            "id": roads["id"].to_numpy(dtype=object)[of],
            "name": roads["name"].fillna("").to_numpy(dtype=object)[of],
            "ref": roads["ref"].fillna("").to_numpy(dtype=object)[of],
            "road_class": kind,
            "opened": roads["opened"].fillna("").to_numpy(dtype=object)[of],
            "carriageways": model.carriageways[used],
        },
        geometry=list(model.lines[used]),
        crs=city.crs,
    )
