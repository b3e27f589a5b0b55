"""Ground under roads, seen from above."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import shapely

from spatial import overlay
from spatial.city import City
from spatial.overlay import Atoms, Floats, Geometries, Ints
from spatial.roads.classes import class_table
from spatial.roads.model import road_model

Bools = npt.NDArray[np.bool_]
_KIND_WORDS = {"红线": "redline", "道路红线": "redline", "铺装": "paved", "铺装面": "paved", "车行道": "carriageway"}


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
        lines, radius = road_model(city).lines[used], widths[used, width] / 2
        drawn = drawn_ground(city, variant)
        if len(drawn):
            lines, source = _outside(lines, drawn)
            radius = radius[source]
        strips = _strips(lines, radius)
        if over is not None and len(strips):
            strips = strips[np.unique(shapely.STRtree(strips).query(over.geometry)[1])]
        return overlay.dissolve(np.concatenate([strips, drawn]))

    return city.memo(("road_surface", variant, width, id(over)), lambda: (over, build()))[1]


def drawn_ground(city: City, variant: str) -> Geometries:
    """Ground that the layer ``road_polygons`` draws for a variant, disjoint polygons.

    Where it lies it wins: lines inside it give way, whatever their width. ``redline`` takes polygons of that kind alone, ``carriageway`` those of
    that kind, ``paved`` and ``statistic`` those of kind ``paved``; polygons of no kind, as OpenStreetMap has them, serve all but the red line. Of
    the classes of ``area:highway`` those count that the variant counts as lines, and footways, which are part of the road.
    """

    def build() -> Geometries:
        layer = city.layers.get("road_polygons")
        if layer is None or layer.frame is None or not len(layer.frame):
            return np.empty(0, object)
        frame = layer.frame
        kind = frame["kind"].fillna("").astype(str).str.strip().replace(_KIND_WORDS).to_numpy(dtype=object)
        wanted = {"statistic": "paved"}.get(variant, variant)
        fits = (kind == wanted) | ((kind == "") & (variant != "redline"))
        table = class_table()
        counted = {tag for row in table.values() if row["municipal"] or variant == "statistic" for tag in (*row["highway"], *row["words"])}
        tags = frame["highway"].fillna("").astype(str).to_numpy(dtype=object)
        fits &= np.isin(tags, ["", "footway", "trunk", *sorted(counted)] if variant != "carriageway" else ["", "trunk", *sorted(counted)])
        return overlay.dissolve(np.asarray(frame.geometry.to_numpy(), dtype=object)[fits])

    return city.memo(("road_polygons", variant), build)


def drawn_share(city: City, variant: str) -> Floats:
    """Share of each run that lies in drawn ground, shape (r,)."""

    def build() -> Floats:
        lines, drawn = road_model(city).lines, drawn_ground(city, variant)
        share = np.zeros(len(lines))
        if len(drawn):
            rest, source = _outside(lines, drawn)
            length = shapely.length(lines)
            left = overlay.sum_by(source, shapely.length(rest), len(lines))
            share = np.clip(1 - left / np.where(length > 0, length, 1.0), 0.0, 1.0)
        return share

    return city.memo(("road_polygons_share", variant), build)


def _outside(lines: Geometries, drawn: Geometries) -> tuple[Geometries, Ints]:
    """Keep of each line what no polygon covers, and which line each piece is of; what nothing touches stays as it is."""
    index, which = overlay.pairs(lines, drawn)
    whole = np.setdiff1d(np.arange(len(lines)), index)
    pieces, source = [lines[whole]], [whole]
    for i in np.unique(index):
        rest = shapely.difference(lines[i], shapely.union_all(drawn[which[index == i]]))
        parts = shapely.get_parts(shapely.line_merge(rest))
        parts = parts[shapely.length(parts) > 1e-6]
        pieces.append(parts)
        source.append(np.full(len(parts), i))
    return np.concatenate(pieces), np.concatenate(source).astype(np.int64)


def strips_by_run(city: City, variant: str) -> tuple[Geometries, Ints]:
    """Return one plain strip a used run, and which run it is; for shares, not for areas."""

    def build() -> tuple[Geometries, Ints]:
        used, widths = used_runs(city, variant)
        runs = np.flatnonzero(used)
        return shapely.buffer(road_model(city).lines[runs], widths[runs, 1] / 2, quad_segs=2, cap_style="flat"), runs

    return city.memo(("road_strips", variant), build)


def _strips(chosen: Geometries, radius: Floats) -> Geometries:
    """Buffer runs: round where the road goes on, flat where it ends, so that a dead end is not longer than it is."""
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
