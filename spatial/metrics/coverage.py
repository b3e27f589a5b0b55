"""Coverage: how many residents, how much housing and how many communities reach facilities within their limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.facilities import Mapped, facilities, facility_classes, mapped
from spatial.metrics.facility_classes import Group
from spatial.metrics.origins import (
    LEAST_HOUSING_M2,
    Origins,
    Shares,
    divided,
    housing_mapped,
    land_origins,
    people_origins,
    residential_land,
    shares_of,
)
from spatial.metrics.people import population_basis
from spatial.metrics.walking import (
    METRES_PER_MINUTE,
    SNAP_LIMIT_M,
    attached_origins,
    network_m,
    sites_reached,
    sources,
    straight_m,
    unknown_ground,
    walking_min,
)
from spatial.network.walking_time import Bound
from spatial.overlay import Floats
from spatial.result import MetricResult, ratio
from spatial.text import Text, joined

Bools = npt.NDArray[np.bool_]
NOBODY = Text("没有可计算的居民或居住用地", "there are no residents or no residential land to measure")
EXACT_M = 1e-6
MOST_UNREACHED, ALL = 0.5, 1 - 1e-9


def covered(
    city: City,
    areas: Areas,
    group: Group,
    kinds: Sequence[str],
    reach: str,
    basis: str,
    frames: Mapping[str, Callable[[], gpd.GeoDataFrame]],
) -> MetricResult:
    """Measure a coverage.

    Parameters
    ----------
    city, areas
        As a metric is given them.
    group, kinds
        The declaration, and the classes that must be reached together.
    reach, basis
        Of ``REACHES`` and ``BASES`` in ``services``.
    frames
        Evidence to hand out.

    Returns
    -------
    MetricResult
        Over the classes that are mapped; ``absent`` where none is. Those whom no walkable way comes near count as not reached, and in
        ``high`` as reached; NaN where that is all of a row.
    """
    classes = counted(city, kinds, reach)
    if not classes.used:
        return MetricResult.without(len(areas), classes.notes[0])
    key, origins = _origins(city, basis)
    if not len(origins):
        return MetricResult.without(len(areas), NOBODY)
    estimated, quality, notes = classes.estimated, classes.quality, classes.notes
    if basis != "residential_land":
        guessed, share_known, more = population_basis(city)
        estimated, notes = estimated or guessed, (*notes, *more)
        quality *= 1.0 if share_known is None else share_known
    if reach in ("walking_time", "winter"):
        flat, share_flat, more = _ground(city)
        estimated, quality, notes = estimated or flat, quality * (1 - share_flat), (*notes, *more)
    reached = reached_by(city, group, classes.used, reach, key, origins)
    unreachable = np.zeros(len(origins), bool) if reach == "straight_line" else attached_origins(city, key, origins).edge < 0
    if basis == "communities":
        of_people = shares_by_community(city)
        share, away = (ratio(of_people.total(part.astype(float)), of_people.total()) for part in (reached, unreachable))
        origins, key, least = _communities(city), "communities", facility_classes(city).covered_from
        reached, unreachable = share >= least, (share + away >= least) & (share < least)
        notes = (*notes, *_community_notes(city, least))
    here = shares_of(city, key, origins, areas)
    everyone, served, lost = here.total(), here.total(reached.astype(float)), here.total((unreachable & ~reached).astype(float))
    low, high = None, None
    if reach in ("walking_time", "winter") and basis == "residents":
        bounds = [
            here.total(reached_by(city, group, classes.used, reach, key, origins, bound=bound).astype(float)) for bound in ("low", "high")
        ]
        low, high = ratio(np.minimum.reduce([served, *bounds]), everyone), ratio(np.maximum.reduce([served, *bounds]) + lost, everyone)
    elif lost.any():
        low, high = ratio(served, everyone), ratio(served + lost, everyone)
    gone, row_notes = lost_rows(lost, everyone, basis)
    value, thin, known = np.where(gone >= ALL, np.nan, ratio(served, everyone)), gone > MOST_UNREACHED, 1 - gone
    if basis == "residential_land":
        little, share, more_notes = housing_mapped(areas, everyone)
        value, thin, known = np.where(everyone < LEAST_HOUSING_M2, np.nan, value), thin | little, known * share
        row_notes = {row: [*row_notes.get(row, ()), *more_notes.get(row, ())] for row in {*row_notes, *more_notes}}
    return MetricResult(
        value,
        served,
        everyone,
        low=low,
        high=high,
        quality=np.clip(quality * known, 0, 1),
        estimated=estimated | thin,
        notes=notes,
        row_notes=row_notes,
        evidence=frames,
    )


@dataclass(frozen=True)
class Counted:
    """Which classes a value is over, how well they are known (0–1), whether that makes it an estimate, and what to say."""

    used: tuple[str, ...]
    quality: float
    estimated: bool
    notes: tuple[Text, ...]


def counted(city: City, kinds: Sequence[str], reach: str) -> Counted:
    """Choose the classes that a value can be over: those that are mapped, and of which a walkable way reaches some facility.

    Parameters
    ----------
    city
        Any.
    kinds
        Declared classes; one alone is shown even where it is hardly mapped, with quality 0.
    reach
        Of ``REACHES`` in ``services``.

    Returns
    -------
    Counted
        Quality is the mean over all kinds of how well each is mapped, times the share of its facilities that can be reached; 0 for those left
        out.
    """
    verdicts = {kind: mapped(city, kind) for kind in kinds}
    alone = len(kinds) == 1
    used = tuple(kind for kind in kinds if verdicts[kind].verdict == "counts" or (alone and verdicts[kind].verdict == "thin"))
    notes = class_notes(verdicts, used, alone)
    known = {kind: verdicts[kind].quality for kind in used}
    estimated = len(used) < len(kinds) or any(verdicts[kind].verdict == "thin" for kind in used)
    if reach != "straight_line":
        notes = (*notes, *_sites_notes(city, used))
        for kind in used:
            known[kind] *= sites_reached(city, kind).share
            estimated = estimated or sites_reached(city, kind).share < 1 - MOST_UNREACHED
        if used and all(sites_reached(city, kind).none for kind in used):
            return Counted((), 0.0, True, _sites_notes(city, used))
        used = tuple(kind for kind in used if not sites_reached(city, kind).none)
    return Counted(used, sum(known[kind] for kind in used) / len(kinds), estimated or len(used) < len(kinds), notes)


def _ground(city: City) -> tuple[bool, float, tuple[Text, ...]]:
    """Whether walking times lack the slope, for which share of the network, and what to say."""
    share = unknown_ground(city)
    if share == 1.0:
        return True, 0.0, (Text("没有高程数据：按平地计时", "no elevation: walking times are those of level ground"),)
    if share < 0.01:
        return False, 0.0, ()
    return (
        True,
        share,
        (
            Text(
                f"步行路网 {share:.0%} 没有高程，按平地计时", f"{share:.0%} of the network have no elevation and are timed as level ground"
            ),
        ),
    )


def _community_notes(city: City, least: float) -> tuple[Text, ...]:
    empty = int((_communities(city).weight == 0).sum())
    notes = [
        Text(f"至少 {least:.0%} 的居民可达的社区计为覆盖", f"a community counts where at least {least:.0%} of its residents are reached")
    ]
    if empty:
        notes.append(Text(f"无居民的社区 {empty} 个不计", f"communities without residents, left out: {empty}"))
    return tuple(notes)


def reached_by(
    city: City, group: Group, kinds: Sequence[str], reach: str, key: str, origins: Origins, *, bound: Bound = "central"
) -> Bools:
    """Whether each place reaches every one of ``kinds`` within its limit, shape (k,); exactly at the limit counts."""
    return np.logical_and.reduce([_within(city, kind, group.limits[kind].distance_m, reach, key, origins, bound) for kind in kinds])


def _within(city: City, kind: str, limit_m: float, reach: str, key: str, origins: Origins, bound: Bound) -> Bools:
    if reach == "straight_line":
        return straight_m(city, kind, key, origins) <= limit_m + EXACT_M
    if reach == "network":
        return network_m(city, kind, key, origins) <= limit_m + EXACT_M
    minutes = walking_min(city, kind, key, origins, winter=reach == "winter", bound=bound)
    return minutes <= (limit_m + EXACT_M) / METRES_PER_MINUTE


def _origins(city: City, basis: str) -> tuple[str, Origins]:
    """Places to judge; communities are judged by the places of their residents."""
    if basis == "residential_land":
        return "land", city.memo("land_origins", lambda: land_origins(residential_land(city)))
    return "people", people_origins(city)


def _communities(city: City) -> Origins:
    frame = city.frame("communities")
    shapes = np.asarray(frame.geometry.to_numpy(), dtype=object)
    return city.memo(
        "community_origins",
        lambda: Origins(
            shapely.point_on_surface(shapes),
            (shares_by_community(city).total() > 0).astype(float),
            np.full(len(shapes), None, dtype=object),
        ),
    )


def shares_by_community(city: City) -> Shares:
    """Divide the places of residents among the communities."""

    def divide() -> Shares:
        shapes = np.asarray(city.frame("communities").geometry.to_numpy(), dtype=object)
        return divided(people_origins(city), overlay.cut(shapes), np.ones(len(shapes), bool))

    return city.memo("people by community", divide)


def class_notes(verdicts: Mapping[str, Mapped], used: Sequence[str], alone: bool) -> tuple[Text, ...]:
    """Say which classes a value is over, and which were left out because they are not mapped."""
    out = [verdict.note for kind, verdict in verdicts.items() if kind not in used]
    if alone:
        (verdict,) = verdicts.values()
        if verdict.verdict == "counts":
            return ()
        why = Text("可能未测绘，不等于没有设施", "probably not mapped, which is not the same as absent")
        return (Text(f"{verdict.note.zh}：{why.zh}", f"{verdict.note.en}: {why.en}"),)
    if not used:
        return (Text(f"没有可用的类别，均未测绘：{joined(out, 'zh')}", f"no class is mapped well enough: {joined(out, 'en')}"),)
    if not out:
        return ()
    kept = [verdicts[kind].note for kind in used]
    return (
        Text(
            f"仅按 {len(used)}/{len(verdicts)} 类计算：{joined(kept, 'zh')}。未计（可能未测绘）：{joined(out, 'zh')}",
            f"over {len(used)} of {len(verdicts)} classes: {joined(kept, 'en')}. Left out, probably not mapped: {joined(out, 'en')}",
        ),
    )


def _sites_notes(city: City, kinds: Sequence[str]) -> tuple[Text, ...]:
    """Say which facilities no walkable way comes near, and which are behind walls without a gate."""
    found = [(facility_classes(city).classes[kind].title, sites_reached(city, kind)) for kind in kinds]
    notes = []
    for zh, en, lost in (
        (
            f"距步行路超过 {SNAP_LIMIT_M:.0f} 米、未计入的设施",
            f"facilities that no walkable way comes within {SNAP_LIMIT_M:.0f} m of, not counted",
            [(title, each.unreached, each.count) for title, each in found],
        ),
        (
            "围墙内未标出大门、按最近道路计的设施",
            "facilities behind walls without a mapped gate, taken to the nearest way",
            [(title, each.enclosed, each.count) for title, each in found],
        ),
    ):
        some = [(title, n, of) for title, n, of in lost if n]
        if some:
            notes.append(
                Text(
                    f"{zh}：" + "、".join(f"{title.zh} {n}/{of}" for title, n, of in some),
                    f"{en}: " + ", ".join(f"{title.en} {n} of {of}" for title, n, of in some),
                )
            )
    return tuple(notes)


def lost_rows(lost: Floats, everyone: Floats, basis: str) -> tuple[Floats, dict[int, list[Text]]]:
    """Share of each row that no walkable way comes near, 0–1, and what to say of it."""
    gone = np.nan_to_num(ratio(lost, everyone))
    notes = {}
    for row in np.flatnonzero(lost > 0):
        amount = {
            "residents": Text(f"{lost[row]:,.0f} 人", f"{lost[row]:,.0f} residents"),
            "residential_land": Text(f"{lost[row] / 1e4:,.1f} 公顷居住用地", f"{lost[row] / 1e4:,.1f} ha of housing"),
            "communities": Text(f"{lost[row]:,.0f} 个社区", f"communities: {lost[row]:,.0f}"),
        }[basis]
        notes[int(row)] = [
            Text(
                f"不可达（附近无步行路）：{amount.zh}（{gone[row]:.1%}），计为未覆盖",
                f"unreachable, no walkable way near: {amount.en} ({gone[row]:.1%}), counted as not reached",
            )
        ]
    return gone, notes


def _people_inside(city: City, areas: Areas) -> Floats:
    """People of every place that live inside what is measured of the city; a cell on its edge counts by its part, as in the table."""
    origins = people_origins(city)
    here = shares_of(city, "people", origins, areas)
    mine = areas.ids[here.row] == CITY
    return overlay.sum_by(here.origin[mine], here.weight[mine], len(origins))


def _frame(
    city: City,
    origins: Origins,
    people: Floats,
    chosen: npt.NDArray[np.int64],
    columns: Mapping[str, npt.NDArray[np.generic]],
) -> gpd.GeoDataFrame:
    shapes = np.where(shapely.is_missing(origins.cells), origins.points, origins.cells)
    return gpd.GeoDataFrame({"people": np.round(people[chosen], 2), **columns}, geometry=list(shapes[chosen]), crs=city.crs)


def cells_frame(city: City, areas: Areas, group: Group) -> gpd.GeoDataFrame:
    """Places with residents inside the areas: how many classes each reaches, and how far each class is."""
    origins = people_origins(city)
    inside = _people_inside(city, areas)
    chosen = np.flatnonzero(inside > 0)
    used = counted(city, group.together, "network").used
    far = {kind: network_m(city, kind, "people", origins)[chosen] for kind in used}
    near = np.array([far[kind] <= group.limits[kind].distance_m + EXACT_M for kind in used]).reshape(len(used), len(chosen))
    columns: dict[str, npt.NDArray[np.generic]] = {
        "reached": near.sum(axis=0),
        "of_classes": np.full(len(chosen), len(used)),
        "reachable": attached_origins(city, "people", origins).edge[chosen] >= 0,
    }
    columns |= {f"{kind}_m": np.where(np.isfinite(values), np.round(values), np.nan) for kind, values in far.items()}
    return _frame(city, origins, inside, chosen, columns)


def beyond_frame(city: City, areas: Areas, group: Group, kinds: Sequence[str], reach: str) -> gpd.GeoDataFrame:
    """Places with residents inside the areas that do not reach every class."""
    origins = people_origins(city)
    used = counted(city, kinds, reach).used
    missed = ~reached_by(city, group, used, reach, "people", origins)
    inside = _people_inside(city, areas)
    chosen = np.flatnonzero(missed & (inside > 0))
    columns: dict[str, npt.NDArray[np.generic]] = {}
    if not city.layer("roads").missing:
        columns["reachable"] = attached_origins(city, "people", origins).edge[chosen] >= 0
    for kind in used:
        measured = network_m if reach == "network" else straight_m
        values = measured(city, kind, "people", origins)[chosen]
        columns[f"{kind}_m"] = np.where(np.isfinite(values), np.round(values), np.nan)
    return _frame(city, origins, inside, chosen, columns)


def sites_frame(city: City, group: Group) -> gpd.GeoDataFrame:
    """Facilities of the classes, each once, with whether a walkable way reaches them."""
    parts: list[tuple[str, str, str, int, object]] = []
    for kind in group.limits:
        found = facilities(city, kind)
        lost = set() if city.layer("roads").missing else set(sources(city, kind).unreached.tolist())
        first = np.unique(found.facility, return_index=True)[1]
        points = shapely.point_on_surface(found.shapes[first])
        for at, point in zip(first, points, strict=True):
            parts.append((kind, str(found.ids[at]), str(found.names[at]), int(found.facility[at]) not in lost, point))
    columns = list(zip(*parts, strict=True)) or [()] * 5
    named = dict(zip(("class", "id", "name", "reachable"), (list(column) for column in columns[:4]), strict=True))
    return gpd.GeoDataFrame(named, geometry=list(columns[4]), crs=city.crs)
