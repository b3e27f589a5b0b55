"""Branch roads that the map has now and had not on an earlier day; told apart from those that a ledger says were built."""

from __future__ import annotations

import geopandas as gpd
import numpy as np

from spatial import overlay
from spatial.areas import Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.overlay import Floats
from spatial.result import Evidence, MetricResult
from spatial.roads import length_by_area, road_model
from spatial.roads.change_evidence import newest_way
from spatial.roads.changes import BRANCH, NEW, RoadChanges, before, road_changes
from spatial.roads.lengths import lines_by_area
from spatial.text import Text

_KINDS = {
    "new": NEW,
    "built": ("built",),
    "mapped": ("mapped",),
    "unknown": ("unknown",),
    "retagged": ("retagged",),
    "redrawn": ("redrawn",),
    "left": ("left",),
    "gone": ("gone",),
}
_VARIANTS = {
    "new": Text("新增（早期地图上没有）", "new on the map"),
    "built": Text("新增：可能为新建", "new: probably built"),
    "mapped": Text("新增：可能为补测补绘", "new: probably mapped late"),
    "unknown": Text("新增：无法判断", "new: cannot be told"),
    "retagged": Text("由其他等级改标为支路", "tagged as branch roads since, of another class before"),
    "redrawn": Text("重绘或拆分（原有支路）", "drawn again or split, branch roads before"),
    "left": Text("原为支路、现为其他等级", "branch roads before, of another class now"),
    "gone": Text("原为支路、现已不在图上", "branch roads before, not on the map now"),
    "net": Text("支路总长之差", "difference of the whole length of branch roads"),
}


@metric(
    "new_branch_roads_mapped",
    title=Text("支路新增长度（两期地图比对）", "New branch roads by two maps"),
    definition=Text(
        "现状地图有、早期地图 15 米内没有同向道路、连片 30 米以上的支路长度，分幅只计一次。地图的增长多为补绘而非建设："
        "原为在建或规划道路、或通车日期在早期之后的算“可能新建”；两侧半数以上为早期已有的建筑、250 米内当时没有任何道路（整片未绘）、或通车日期更早的算“可能补绘”"
        "（当时尚未开发的新区也会落入此类）；其余无法判断。只作参考，不作为完成量",
        "Branch roads on today's map that no road of the earlier map runs along within 15 m, 30 m or more together, dual carriageways once. A map grows"
        " by mapping more than by building: what was under construction or planned then, or opened since, was probably built; what has buildings"
        " of the earlier map along half of it, lies where nothing at all was mapped within 250 m (a quarter that did not exist then looks the same),"
        " or opened before, was probably mapped late; of the rest nothing can be told. An indication, never what a plan has achieved",
    ),
    standard=Text(
        "与台账口径的 new_branch_road_length 分开列示；15 米、30 米、250 米为本项目取值，待核",
        "apart from new_branch_road_length of the ledger; 15 m, 30 m and 250 m are this project's, to be confirmed",
    ),
    unit="km",
    bases=("m", ""),
    needs=("roads", "roads_before"),
    variants=_VARIANTS,
    evidence={
        "unknown": Evidence(Text("新增支路：无法判断", "new branch roads: cannot be told"), "#e08a00"),
        "mapped": Evidence(Text("新增支路：可能为补绘", "new branch roads: probably mapped late"), "#4a90c2"),
        "built": Evidence(Text("新增支路：可能为新建", "new branch roads: probably built"), "#c0182b"),
        "retagged": Evidence(Text("改标的支路", "branch roads of another class before"), "#7a6fb0"),
    },
    halo_m=None,  # what speaks for building or mapping is asked along a whole stretch, however long
)
def new_branch_roads_mapped(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Length of branch roads by what became of them between two maps.

    Parameters
    ----------
    city
        With ``roads`` and ``roads_before``; metres.
    areas
        Rows.
    variant
        ``new`` = ``built`` + ``mapped`` + ``unknown``; ``retagged``, ``redrawn``, ``left``, ``gone``; ``net``: all branch roads now less all before.

    Returns
    -------
    MetricResult
        ``value`` km, ``numerator`` m; always an estimate. ``evidence`` by kind, ``built``, ``mapped``, ``unknown`` and ``retagged``: the
        stretches, with what speaks for it in ``sign``.

    Raises
    ------
    LayerError
        One of the layers was not supplied.

    References
    ----------
    Method B of new branch roads (current minus baseline) with the course of the lines heeded; see ``spatial.roads.changes``. It never closes a target.
    """
    changes = city.memo("branch road changes", lambda: road_changes(city).of(BRANCH))
    if variant == "net":
        metres = _net(city, areas)
        return MetricResult(metres / 1e3, metres, estimated=True, quality=np.zeros(len(areas)), notes=_days(city))
    index, owner, length = lines_by_area(city, changes.lines, areas)
    chosen = np.isin(changes.kind, _KINDS[variant])[index]
    metres = overlay.sum_by(owner[chosen], (length * changes.weights[index])[chosen], len(areas))
    evidence = {}
    if variant == "new":
        evidence = {kind: _drawn(city, changes, kind) for kind in (*NEW, "retagged")}
    return MetricResult(
        metres / 1e3,
        metres,
        estimated=True,
        quality=np.zeros(len(areas)),
        notes=[*_days(city), *(_evidence_note(city) if variant in ("new", *NEW) else ())],
        evidence=evidence,
    )


def _net(city: City, areas: Areas) -> Floats:
    sums = []
    for day in (city, before(city)):
        model = road_model(day)
        sums.append(length_by_area(day, areas, model.classes("length") & np.isin(model.road_class, BRANCH), once=True))
    return np.asarray(sums[0] - sums[1])


def _days(city: City) -> list[Text]:
    then, now = str(city.layer("roads_before").options.get("date", "")) or "—", city.date or "—"
    return [Text(f"两期地图：{then} 与 {now}", f"maps of {then} and {now}")]


def _evidence_note(city: City) -> list[Text]:
    """Say where one kind of evidence is not to be had."""
    if newest_way(city) and city.layer("buildings").origin == "osm":
        return []
    return [
        Text(
            "建筑或早期道路不是 OSM 数据，无法以建筑的绘制先后作证据",
            "buildings or earlier roads are not of OpenStreetMap, so that the order in which buildings were drawn is no evidence",
        )
    ]


def _drawn(city: City, changes: RoadChanges, kind: str) -> gpd.GeoDataFrame:
    chosen = np.flatnonzero(changes.kind == kind)
    columns = {
        "id": changes.identity[chosen],
        "name": changes.name[chosen],
        "road_class": changes.road_class[chosen],
        "was": changes.was[chosen],
        "sign": changes.evidence[chosen],
        "length_m": np.round(changes.length_m[chosen], 1),
    }
    return gpd.GeoDataFrame(columns, geometry=list(changes.lines[chosen]), crs=city.crs)
