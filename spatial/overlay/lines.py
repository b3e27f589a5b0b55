"""Lines and points: their lengths and numbers by owner, half on each side of a common edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from spatial.overlay.pieces import Floats, Geometries, Ints, Pieces, joined, pairs, sum_by

EDGE_M = 0.1


def length_within(lines: Geometries, pieces: Pieces, weights: Floats | None = None) -> Floats:
    """Length of lines inside every owner, m, shape (count,); see ``line_parts``."""
    index, owner, length = line_parts(lines, pieces)
    return sum_by(owner, length if weights is None else length * weights[index], pieces.count)


def line_parts(lines: Geometries, pieces: Pieces) -> tuple[Ints, Ints, Floats]:
    """Lengths by line and owner: index of the line, owner, metres. Stretches on an edge are first set ``astride`` it."""
    atoms, which = pieces.distinct
    index, mine, length, on_edge = atoms.once("lines", lines, lambda: _lengths_of_pairs(lines, atoms.geometry))
    row, piece = joined(mine, which)
    index, owner, length = index[row], pieces.owner[piece], length[row]
    if not on_edge[row].any():
        return index, owner, length
    # Atoms of one owner may share an edge, along which a line must count once: there they are united first.
    pair = index * pieces.count + owner
    doubtful = np.isin(pair, pair[on_edge[row]])
    found, which_pair = np.unique(pair[doubtful], return_inverse=True)
    ground = pieces.geometry[piece[doubtful]]
    united = np.array([shapely.union_all(ground[which_pair == k]) for k in range(len(found))], dtype=object)
    again, owners = found // pieces.count, found % pieces.count
    return (
        np.concatenate([index[~doubtful], again]),
        np.concatenate([owner[~doubtful], owners]),
        np.concatenate([length[~doubtful], _lengths_inside(lines[again], united)]),
    )


def _lengths_of_pairs(lines: Geometries, atoms: Geometries) -> tuple[Ints, Ints, Floats, npt.NDArray[np.bool_]]:
    """Length of lines in atoms, and whether a stretch of the line runs along the atom's edge."""
    index, mine = pairs(lines, atoms)
    line, ground = lines[index], atoms[mine]
    shapely.prepare(ground)
    inside = shapely.contains_properly(ground, line)
    length = shapely.length(line)
    length[~inside] = _lengths_inside(line[~inside], ground[~inside])
    on_edge = ~inside & (length > 0)
    on_edge[on_edge] = shapely.relate_pattern(ground[on_edge], line[on_edge], "***1*****")
    return index, mine, length, on_edge


def _lengths_inside(lines: Geometries, ground: Geometries) -> Floats:
    """Length of each line inside its polygon; an intersection has a stretch once that the line runs over twice, so such a line goes by its sides."""
    length = shapely.length(shapely.intersection(lines, ground))
    folded = np.flatnonzero(~shapely.is_simple(lines))
    if len(folded):
        sides, owner = segments(lines[folded])
        inside = shapely.length(shapely.intersection(shapely.linestrings(sides), ground[folded][owner]))
        length[folded] = sum_by(owner, inside, len(folded))
    return np.asarray(length, dtype=np.float64)


def astride(lines: Geometries, edges: Geometries) -> tuple[Geometries, Ints, Floats]:
    """Move the stretches of lines that run along an edge half to each side of it.

    Outlines and streets that share a course never agree to the last digit once both are projected, so that "on the edge" needs a width.

    Parameters
    ----------
    lines
        LineStrings, shape (n,), metres.
    edges
        LineStrings.

    Returns
    -------
    tuple
        Lines, the index of the line each comes from, and its factor: 1, or about 0.5 for the two copies of a stretch on an edge. Lengths times
        factors sum to the lengths of ``lines``.
    """
    source, factor = np.arange(len(lines)), np.ones(len(lines))
    sides = shapely.linestrings(segments(edges)[0])
    along, beside = _along(lines, sides)
    if not len(along):
        return lines, source, factor
    out, origin, weight = [np.delete(lines, along)], [np.delete(source, along)], [np.ones(len(lines) - len(along))]
    for i, near in zip(along, beside, strict=True):
        band = shapely.buffer(shapely.line_merge(shapely.union_all(sides[near])), EDGE_M, cap_style="flat")
        on_edge = _line_strings(shapely.intersection(lines[i], band))
        on_edge = on_edge[shapely.length(on_edge) > 10 * EDGE_M]
        rest = _line_strings(shapely.difference(lines[i], band)) if len(on_edge) else lines[i : i + 1]
        missing = shapely.length(lines[i]) - shapely.length(rest).sum() - shapely.length(on_edge).sum()
        copies = np.concatenate(
            [
                _line_strings(shapely.offset_curve(shapely.remove_repeated_points(part), side))
                for part in on_edge
                for side in (-2 * EDGE_M, 2 * EDGE_M)
            ]
            or [rest[:0]]
        )
        out += [rest, copies]
        origin += [np.full(len(rest) + len(copies), i)]
        total = shapely.length(copies).sum()
        weight += [np.ones(len(rest)), np.full(len(copies), (shapely.length(on_edge).sum() + missing) / total if total else 0.0)]
    return np.concatenate(out), np.concatenate(origin), np.concatenate(weight)


def _along(lines: Geometries, sides: Geometries) -> tuple[Ints, list[Ints]]:
    """Lines that have a segment beside and parallel to a side of an edge, and all sides that each of them is near."""
    if not len(lines) or not len(sides):
        return np.empty(0, int), []
    tree = shapely.STRtree(sides)
    close, side = tree.query(lines, predicate="dwithin", distance=EDGE_M)
    near = np.unique(close)
    mine, owner = segments(lines[near])
    a, b = tree.query(shapely.linestrings(mine), predicate="dwithin", distance=EDGE_M)
    theirs = shapely.get_coordinates(sides).reshape(-1, 2, 2)
    u, v = (x[:, 1] - x[:, 0] for x in (mine[a], theirs[b]))
    size = np.hypot(*u.T) * np.hypot(*v.T)
    sine = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    along = near[np.unique(owner[a[(sine < 0.02 * size) & (size > 0)]])]
    return along, [np.sort(side[close == i]) for i in along]


def points_along(lines: Geometries, index: Ints, at_m: Floats) -> Floats:
    """Coordinates of places along lines.

    Parameters
    ----------
    lines
        LineStrings, shape (n,).
    index
        Which line each place is on, shape (p,).
    at_m
        Distance from its start, kept within the line, shape (p,).

    Returns
    -------
    numpy.ndarray
        Shape (p, 2).
    """
    xy, line = shapely.get_coordinates(lines, return_index=True)
    step = np.r_[0.0, np.hypot(*np.diff(xy, axis=0).T)] if len(xy) else np.empty(0)
    first = np.searchsorted(line, np.arange(len(lines)))
    last = np.r_[first[1:], len(line)] - 1
    along = np.cumsum(step)
    place = np.clip(along[first[index]] + at_m, along[first[index]], along[last[index]])
    before = np.clip(np.searchsorted(along, place, "right") - 1, first[index], last[index] - 1)
    span = along[before + 1] - along[before]
    share = np.where(span > 0, (place - along[before]) / np.where(span > 0, span, 1.0), 0.0)[:, None]
    return xy[before] * (1 - share) + xy[before + 1] * share


def segments(lines: Geometries) -> tuple[Floats, Ints]:
    """Take lines apart into segments: coordinates (s, 2, 2) and the index of the line."""
    xy, index = shapely.get_coordinates(lines, return_index=True)
    follows = np.flatnonzero(np.diff(index) == 0)
    return np.stack([xy[follows], xy[follows + 1]], axis=1), index[follows]


def _line_strings(geometry: Any) -> Geometries:
    parts = shapely.get_parts(np.atleast_1d(np.asarray(geometry, dtype=object)))
    parts = shapely.get_parts(parts)
    return parts[(shapely.get_type_id(parts) == 1) & (shapely.length(parts) > 0)]


def points_within(points: Geometries, pieces: Pieces, exclusive: npt.NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Assign points to owners.

    Parameters
    ----------
    points
        Shape (n,).
    pieces
        The owners.
    exclusive
        By owner: whether a point that lies on its edge is given to the first such owner only, so that neighbours add up.

    Returns
    -------
    tuple of arrays
        Index of the point and its owner, by assignment; a point may have several owners where they overlap.
    """
    atoms, which = pieces.distinct
    index, mine, inside = atoms.once("points", points, lambda: _points_in_pairs(points, atoms.geometry))
    row, piece = joined(mine, which)
    index, owner, inside = index[row], pieces.owner[piece], inside[row]
    order = np.lexsort((~inside, owner, index))
    index, owner, inside = index[order], owner[order], inside[order]
    first = np.r_[True, (np.diff(index) != 0) | (np.diff(owner) != 0)] if len(index) else np.empty(0, bool)
    index, owner, inside = index[first], owner[first], inside[first]
    edge = exclusive[owner] & ~inside
    _, unique = np.unique(index[edge], return_index=True)
    keep = ~edge
    keep[np.flatnonzero(edge)[unique]] = True
    return index[keep], owner[keep]


def _points_in_pairs(points: Geometries, atoms: Geometries) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Points and the atoms they touch, and whether they lie inside, not on the edge."""
    index, mine = pairs(points, atoms)
    return index, mine, shapely.contains_properly(atoms[mine], points[index]) if len(index) else np.empty(0, bool)
