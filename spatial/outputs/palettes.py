"""Colours of choropleths: ramps that everybody can tell apart, and ramps in the colours of planning drawings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

PALETTE = ("#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494")  # YlGnBu, safe for the colour-blind

# Pale to dark. The `official` ones take the hue that planning drawings in China give to a kind of land (CJJ/T 97 and the maps of territorial spatial
# plans: residential yellow, green space green, roads and squares grey, public services red) and vary its lightness, since a drawing has one colour a kind
# and no ramp. To be confirmed against the edition in force; a project states its own hues by choosing among them. They are not made for the colour-blind.
SEQUENTIAL: Mapping[str, tuple[str, ...]] = {
    "colour-blind": PALETTE,
    "official": ("#fffbe3", "#fcebac", "#f7d56a", "#e3b135", "#b07f1a"),
    "official-green": ("#eef8e2", "#c3e6a5", "#86c66a", "#3f9443", "#135a2a"),
    "official-grey": ("#f4f4f2", "#cfd2d4", "#9ea4a9", "#666e76", "#2f363d"),
    "official-red": ("#fdecea", "#f7bdb8", "#e9827d", "#c2413f", "#7c1522"),
}
# Below and above the centre, each from the centre outwards.
_PLAIN = ("#fbe8c8", "#efb264", "#c4690f"), ("#e4e1f1", "#aaa2d3", "#63519f")
_DRAWN = ("#fbe3d3", "#eba17e", "#c04a33"), ("#dcefd0", "#94c982", "#38843f")
DIVERGING: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    name: _PLAIN if name == "colour-blind" else _DRAWN for name in SEQUENTIAL
}
PALETTES = tuple(SEQUENTIAL)


def between(stops: Sequence[str], count: int) -> tuple[str, ...]:
    """Return so many colours from the first stop to the last: stops themselves where there are enough, mixed ones where there are not."""
    if count <= len(stops):
        return tuple(stops[at] for at in np.linspace(0, len(stops) - 1, count).round().astype(int))
    return mixed(stops, count)


def mixed(stops: Sequence[str], count: int) -> tuple[str, ...]:
    """Return so many colours at even steps along the stops."""
    parts = np.array([[int(each[at : at + 2], 16) for at in (1, 3, 5)] for each in stops], dtype=float)
    at = np.linspace(0, len(stops) - 1, count)
    made = np.rint(np.column_stack([np.interp(at, np.arange(len(stops)), parts[:, part]) for part in range(3)])).astype(int)
    return tuple("#" + "".join(f"{part:02x}" for part in row) for row in made.tolist())
