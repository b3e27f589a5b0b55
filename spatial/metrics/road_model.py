"""The roads as planners count them: classes, dual carriageways once, widths with their source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely
from scipy.spatial import cKDTree

from spatial import overlay
from spatial.areas import CITY, Areas
from spatial.catalogue import reference
from spatial.city import City
from spatial.errors import sample
from spatial.network.passage import expressways
from spatial.overlay import Atoms, Floats, Geometries, Ints
from spatial.text import Text

SAMPLE_M = 20.0
TWIN_M, UNNAMED_TWIN_M, TWIN_DEGREES = 60.0, 40.0, 25.0
HALO_M = 150.0  # half the largest width, and twins of twins at its edge
SOURCES = ("carriageway", "width", "lanes", "default")

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class RoadModel:
    """Roads as runs: stretches of one way that are either one of a pair or not.

    Attributes
    ----------
    lines
        LineStrings, shape (r,), metres.
    road
        Position in the layer ``roads``, shape (r,).
    road_class
        Key of ``data/road_classes.toml``, shape (r,); empty where no class counts it.
    paired
        Whether the run is one of two carriageways.
    widths
        Variant → array (r, 3): low, default, high; metres.
    source
        Index into ``SOURCES`` of the paved width, shape (r,).
    open
        Whether the public may drive there: not private, not under construction.
    unknown_classes
        Class of each road that no table knows (``省道``, an empty cell), by road: it is left out, and that must be said.
    """

    lines: Geometries
    road: Ints
    road_class: npt.NDArray[np.object_]
    paired: Bools
    widths: dict[str, Floats]
    source: Ints
    open: Bools
    tunnel: Bools
    minor_service: Bools
    rejected_widths: int
    rejected_lanes: int
    unknown_classes: tuple[str, ...]

    @property
    def weights(self) -> Floats:
        """Factor of length: one of two carriageways counts half."""
        return np.where(self.paired, 0.5, 1.0)

    def classes(self, flag: str) -> Bools:
        """Which runs are open and of a class that has ``flag`` set (``municipal``, ``length``)."""
        table = class_table()
        return self.open & np.isin(self.road_class, [key for key, row in table.items() if row[flag]])


def class_table() -> dict[str, Any]:
    """Road classes by key, as declared in ``data/road_classes.toml``."""
    return {key: row for key, row in reference("road_classes").items() if isinstance(row, dict)}


def road_model(city: City) -> RoadModel:
    """Build the model once a city; see ``RoadModel``.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo("road_model", lambda: _build(city.frame("roads")))


def parts_by_area(city: City, areas: Areas) -> tuple[Ints, Ints, Floats]:
    """Length of every run in every row, computed once for all metrics.

    Returns
    -------
    tuple of arrays
        Index of the run, index of the row, metres; a stretch on a row's edge counts half.
    """
    return city.memo(("road_parts", id(areas)), lambda: (areas, _parts(city, areas)))[1]


def _parts(city: City, areas: Areas) -> tuple[Ints, Ints, Floats]:
    """Set runs astride the edges of the areas; for the total only astride its own, so that it is the same for every choice of areas."""
    runs = road_model(city).lines
    total = int(np.flatnonzero(areas.ids == CITY)[0])

    def build() -> tuple[Any, Any, Any]:
        moved = overlay.astride(runs, areas.edges)
        apart = np.unique(moved[1][moved[2] != 1.0])
        return moved, apart, overlay.astride(runs[apart], areas.edges_of(total))

    # All are kept with the answer, so that their identities stay theirs.
    key = ("astride", id(areas.whole), id(areas.scope_edges))
    (lines, source, factor), apart, (others, origin, share) = city.memo(key, lambda: (areas, build()))[1]
    index, owner, length = overlay.line_parts(lines, areas.pieces)
    index, length = source[index], length * factor[index]
    again = np.isin(index, apart) & (owner == total)
    more, _, metres = overlay.line_parts(others, areas.pieces.only(areas.pieces.owner == total))
    return (
        np.concatenate([index[~again], apart[origin[more]]]),
        np.concatenate([owner[~again], np.full(len(more), total)]),
        np.concatenate([length[~again], metres * share[more]]),
    )


def length_by_area(city: City, areas: Areas, used: Bools, *, once: bool) -> Floats:
    """Length of the chosen runs by row, metres; with ``once`` one of two carriageways counts half."""
    index, owner, length = parts_by_area(city, areas)
    model = road_model(city)
    factor = np.where(used, model.weights if once else 1.0, 0.0)[index]
    return overlay.sum_by(owner, length * factor, len(areas))


def classify(roads: gpd.GeoDataFrame) -> npt.NDArray[np.object_]:
    """Class of every road: key of ``data/road_classes.toml``, empty where none fits."""
    highway = roads["highway"].fillna("").to_numpy(dtype=object)
    by_tag = {tag: key for key, row in class_table().items() for tag in row["highway"]}
    out = np.array([by_tag.get(tag, "") for tag in highway], dtype=object)
    out[(highway == "trunk") & expressways(roads)] = "expressway"
    out[(roads["area"] == "yes").to_numpy(dtype=bool)] = ""
    return out


def _build(roads: gpd.GeoDataFrame) -> RoadModel:
    lines, index = shapely.get_parts(np.asarray(roads.geometry.to_numpy(), dtype=object), return_index=True)
    roads = roads.iloc[index].reset_index(drop=True)
    kind = classify(roads)
    direction = _direction(roads)
    pairable = (
        (direction != 0)
        & np.isin(kind, [k for k, row in class_table().items() if row["length"]])
        & (roads["junction"] != "roundabout").to_numpy()
    )
    runs, owner, paired = _runs(lines, roads, kind, direction, pairable)
    mine = roads.iloc[owner]
    road_class = kind[owner]
    widths, source, rejected, odd_lanes = _widths(mine, road_class, paired)
    closed = mine["access"].isin(["private", "no"]) | mine["motor_vehicle"].isin(["no", "private"])
    return RoadModel(
        lines=runs,
        road=index[owner],
        road_class=road_class,
        paired=paired,
        widths=widths,
        source=source,
        open=~closed.to_numpy(dtype=bool) & (road_class != ""),
        tunnel=(mine["tunnel"].notna() & ~mine["tunnel"].isin(["no", "F", ""])).to_numpy(dtype=bool),
        minor_service=mine["service"].isin(["driveway", "parking_aisle", "drive-through"]).to_numpy(dtype=bool),
        rejected_widths=rejected,
        rejected_lanes=odd_lanes,
        unknown_classes=_unknown(roads),
    )


def _unknown(roads: gpd.GeoDataFrame) -> tuple[str, ...]:
    known = {tag for row in class_table().values() for tag in row["highway"]} | {"trunk", *reference("road_classes")["uncounted"]}
    tags = roads["highway"].fillna("").astype(str)
    return tuple(tags[~tags.isin(known) & roads["nodes"].isna()])


def unknown_note(city: City) -> tuple[Text, ...]:
    """Say how many local roads are left out because their class is not known."""
    unknown = road_model(city).unknown_classes
    if not unknown:
        return ()
    found = sample(sorted({value or "—" for value in unknown}))
    return (
        Text(
            f"{len(unknown)} 条道路的等级（{found}）无法识别，未计入；请用 values 映射到 highway",
            f"{len(unknown)} roads of an unknown class ({found}) are left out; map their classes to highway with values",
        ),
    )


def _direction(roads: gpd.GeoDataFrame) -> Ints:
    """+1 one-way along the line, -1 against it, 0 both ways."""
    value = roads["oneway"].fillna("").astype(str).str.lower()
    forward = value.isin(["yes", "true", "1"]) | ((value == "") & ((roads["highway"] == "motorway") | (roads["junction"] == "roundabout")))
    return forward.to_numpy(dtype=int) - value.isin(["-1", "reverse"]).to_numpy(dtype=int)


def _runs(
    lines: Geometries, roads: gpd.GeoDataFrame, kind: npt.NDArray[np.object_], direction: Ints, pairable: Bools
) -> tuple[Geometries, Ints, Bools]:
    """Cut each one-way road where it begins or ends to have a twin."""
    chosen = np.flatnonzero(pairable)
    length = shapely.length(lines[chosen])
    count = np.maximum(1, np.ceil(length / SAMPLE_M).astype(int))
    way = np.repeat(np.arange(len(chosen)), count)
    step = length[way] / count[way]
    nth = np.arange(len(way)) - np.repeat(np.cumsum(count) - count, count)
    flag = _twins(lines[chosen], (nth + 0.5) * step, direction[chosen][way], roads.iloc[chosen], kind[chosen], way)
    said = roads["dual_carriageway"].iloc[chosen].to_numpy(dtype=object)[way]
    flag = (flag | (said == "yes")) & (said != "no")
    begins = np.r_[True, (np.diff(way) != 0) | (np.diff(flag.astype(int)) != 0)] if len(way) else np.empty(0, bool)
    first = np.flatnonzero(begins)
    last = np.r_[first[1:], len(way)] - 1 if len(first) else first
    start, end = nth[first] * step[first], (nth[last] + 1) * step[last]
    whole = (nth[first] == 0) & (nth[last] == count[way[first]] - 1) if len(first) else np.empty(0, bool)
    cut = lines[chosen][way[first]] if len(first) else np.empty(0, object)
    for i in np.flatnonzero(~whole):
        cut[i] = _between(cut[i], float(start[i]), float(end[i]))
    rest = np.flatnonzero(~pairable)
    owner = np.concatenate([rest, chosen[way[first]] if len(first) else np.empty(0, int)]).astype(int)
    runs = np.concatenate([lines[rest], cut])
    paired = np.concatenate([np.zeros(len(rest), bool), flag[first] if len(first) else np.empty(0, bool)])
    order = np.argsort(owner, kind="stable")
    return runs[order], owner[order], paired[order]


def _between(line: Any, start: float, end: float) -> Any:
    from shapely.ops import substring

    return substring(line, start, end)


def _twins(lines: Geometries, at: Floats, direction: Ints, roads: gpd.GeoDataFrame, kind: npt.NDArray[np.object_], way: Ints) -> Bools:
    """Whether each sample has a carriageway of the same road beside it that runs the other way."""
    flag = np.zeros(len(way), bool)
    if not len(way):
        return flag
    here, back, ahead = (overlay.points_along(lines, way, at + shift) for shift in (0.0, -1.0, 1.0))
    heading = (ahead - back) * direction[:, None]
    norm = np.hypot(heading[:, 0], heading[:, 1])
    heading /= np.where(norm > 0, norm, 1.0)[:, None]
    found = cKDTree(here).query_pairs(np.hypot(TWIN_M, SAMPLE_M), output_type="ndarray")
    identity = roads["id"].to_numpy(dtype=object)
    a, b = found[:, 0], found[:, 1]
    opposite = np.einsum("ij,ij->i", heading[a], heading[b]) <= -np.cos(np.radians(TWIN_DEGREES))
    a, b = a[opposite], b[opposite]
    gap = here[b] - here[a]
    course = heading[a] - heading[b]  # of both together, so that neither road is the first
    course /= np.hypot(course[:, 0], course[:, 1])[:, None]
    along = np.abs(np.einsum("ij,ij->i", gap, course))
    aside = np.abs(gap[:, 0] * course[:, 1] - gap[:, 1] * course[:, 0])
    near = (along <= SAMPLE_M) & (aside <= TWIN_M) & (identity[way[a]] != identity[way[b]])
    a, b, aside = a[near], b[near], aside[near]
    name, ref = (roads[column].fillna("").to_numpy(dtype=object) for column in ("name", "ref"))
    wa, wb = way[a], way[b]
    same = ((name[wa] != "") & (name[wa] == name[wb])) | ((ref[wa] != "") & (ref[wa] == ref[wb]))
    nameless = (
        (kind[wa] == kind[wb])
        & (aside <= UNNAMED_TWIN_M)
        & ((name[wa] == "") | (name[wb] == ""))
        & ((ref[wa] == "") | (ref[wb] == "") | (ref[wa] == ref[wb]))
    )
    twin = same | nameless
    flag[a[twin]] = True
    flag[b[twin]] = True
    return flag


def _widths(roads: gpd.GeoDataFrame, kind: npt.NDArray[np.object_], paired: Bools) -> tuple[dict[str, Floats], Ints, int, int]:
    """Widths by variant as (low, default, high), and where the paved one comes from."""
    table, limits = class_table(), reference("road_classes")
    unknown = {"lane_width": [0.0] * 3, "side": 0.0, "footways": 0.0, "carriageway": [0.0] * 3, "paved": [0.0] * 3, "redline": [0.0] * 3}
    rows = [table.get(key, unknown) for key in kind]
    half = np.where(paired, 0.5, 1.0)[:, None]

    def column(name: str) -> Floats:
        return np.array([row[name] for row in rows], dtype=float).reshape(len(rows), -1 if rows else 3) * half

    measured = {key: roads[field].to_numpy(dtype=float) for key, field in (("carriageway", "carriageway_width"), ("width", "width"))}
    rejected = 0
    for key, values in measured.items():
        bad = np.isfinite(values) & ((values <= limits["width_min"]) | (values > limits["width_max"]))
        rejected += int(bad.sum())
        measured[key] = np.where(bad, np.nan, values)
    lanes = roads["lanes"].to_numpy(dtype=float)
    odd_lanes = np.isfinite(lanes) & ~((lanes >= 1) & (lanes <= 16))
    lanes = np.where(odd_lanes, np.nan, lanes)
    lane_width = np.array([row["lane_width"] for row in rows], dtype=float).reshape(len(rows), 3)
    by_lanes = lanes[:, None] * lane_width
    footways, side = column("footways"), column("side")
    carriageway, width = measured["carriageway"][:, None], measured["width"][:, None]
    paved = _first(carriageway + footways, width, by_lanes + side, column("paved"))
    drive = _first(carriageway, np.maximum(width - footways, 2.5), by_lanes, column("carriageway"))
    source = np.select([np.isfinite(measured["carriageway"]), np.isfinite(measured["width"]), np.isfinite(lanes)], [0, 1, 2], 3)
    red = column("redline")
    red = np.where(np.isfinite(width), np.maximum(red, width), red)
    return {"paved": paved, "carriageway": drive, "redline": red, "statistic": paved}, source, rejected, int(odd_lanes.sum())


def _first(*choices: Floats) -> Floats:
    """Take the first choice that is known, row by row, as (low, default, high)."""
    shape = (len(choices[-1]), 3)
    out = np.broadcast_to(choices[-1], shape).copy()
    for choice in reversed(choices[:-1]):
        known = np.isfinite(choice).all(axis=1)
        out[known] = np.broadcast_to(choice, shape)[known]
    return out


def used_runs(city: City, variant: str) -> tuple[Bools, Floats]:
    """Which runs a variant of the road surface counts, and their widths as (low, default, high).

    ``paved``, ``carriageway`` and ``redline`` count municipal classes without tunnels; ``statistic`` the paved width with tunnels, living streets
    and open service roads of at least 3.5 m. A red line is never narrower than the road that was measured in it.
    """
    model = road_model(city)
    widths = model.widths[variant]
    if variant == "statistic":
        return model.open & ~model.minor_service & (widths[:, 1] >= 3.5), widths
    return model.classes("municipal") & ~model.tunnel, widths


def surface(city: City, variant: str, width: int = 1, *, over: Atoms | None = None) -> Geometries:
    """Ground under the roads of a variant, seen from above.

    Parameters
    ----------
    city
        With roads.
    variant
        As in ``used_runs``.
    width
        0 for the low, 1 for the default, 2 for the high widths.
    over
        Where it is wanted (``areas.pieces.distinct[0]``): roads that reach none of these are left out; ``None`` for all there are.

    Returns
    -------
    numpy.ndarray
        Disjoint polygons.
    """

    def build() -> Geometries:
        used, widths = used_runs(city, variant)
        strips = _strips(road_model(city).lines, widths[:, width] / 2, used)
        if over is not None and len(strips):
            strips = strips[np.unique(shapely.STRtree(strips).query(over.geometry)[1])]
        return overlay.dissolve(strips)

    return city.memo(("road_surface", variant, width, id(over)), lambda: (over, build()))[1]


def strips_by_run(city: City, variant: str) -> tuple[Geometries, Ints]:
    """Return one plain strip a used run, and which run it is; for shares, not for areas."""

    def build() -> tuple[Geometries, Ints]:
        used, widths = used_runs(city, variant)
        runs = np.flatnonzero(used)
        return shapely.buffer(road_model(city).lines[runs], widths[runs, 1] / 2, quad_segs=2, cap_style="flat"), runs

    return city.memo(("road_strips", variant), build)


def _strips(lines: Geometries, radius_m: Floats, used: Bools) -> Geometries:
    """Buffer runs: round where the road goes on, flat where it ends, so that a dead end is not longer than it is."""
    chosen, radius = lines[used], radius_m[used]
    if not len(chosen):
        return np.empty(0, object)
    goes_on = _goes_on(chosen)
    both = goes_on.all(axis=1)
    strips = [shapely.buffer(chosen[both], radius[both], quad_segs=4, cap_style="round")]
    strips.append(shapely.buffer(chosen[~both], radius[~both], quad_segs=4, cap_style="flat"))
    for end in (0, 1):
        single = ~both & goes_on[:, end]
        strips.append(_caps(chosen[single], radius[single], end))
    return np.concatenate(strips)


def _caps(lines: Geometries, radius_m: Floats, end: int) -> Geometries:
    """Half circles with the same corners as those of a round buffer: how a road ends far away must not change it here."""
    lines = shapely.remove_repeated_points(lines)
    tip, before = (shapely.get_coordinates(shapely.get_point(lines, nth)) for nth in ((0, 1) if end == 0 else (-1, -2)))
    ahead = (tip - before) / np.hypot(*(tip - before).T)[:, None]
    aside = np.column_stack([-ahead[:, 1], ahead[:, 0]])
    turn = np.radians(np.linspace(90, -90, 9))
    reach, swing = np.r_[0.0, np.cos(turn), 0.0], np.r_[1.0, np.sin(turn), -1.0]
    corners = (reach[:, None] * ahead[:, None] + swing[:, None] * aside[:, None]) * radius_m[:, None, None]
    corners[:, [0, -1]] -= 0.001 * ahead[:, None]  # a millimetre into the road, so that no gap is left
    return shapely.polygons(tip[:, None] + corners)


def _goes_on(lines: Geometries) -> Bools:
    """Whether another run has a vertex where this one begins and ends, shape (n, 2)."""
    xy, index = shapely.get_coordinates(lines, return_index=True)
    key = np.round(xy, 3)
    key = key[:, 0] + 1j * key[:, 1]
    unique, inverse = np.unique(key, return_inverse=True)
    runs = np.bincount(np.unique(inverse * len(lines) + index) // len(lines), minlength=len(unique))
    first = np.r_[0, np.flatnonzero(np.diff(index)) + 1]
    last = np.r_[first[1:], len(index)] - 1
    return np.column_stack([runs[inverse[first]] > 1, runs[inverse[last]] > 1])
