"""How a planted fact is written down: its place, and what a straight or a bent line of the plan measures in the city."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from tests.demo_city import plan
from tests.demo_city.draft import Point

Fact = dict[str, Any]


def fact(identity: str, kind: str, where: Point, zh: str, en: str, **values: Any) -> Fact:
    return {"id": identity, "kind": kind, "zh": zh, "en": en, "where": lonlat(where), **values}


def metres(points: list[Point]) -> float:
    """Length of a plan line as it lies in the city."""
    total = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        count = max(1, int(np.hypot(x1 - x0, y1 - y0) // 20))
        share = np.linspace(0, 1, count + 1)
        east, north = plan.warp(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share)
        total += float(np.hypot(np.diff(east), np.diff(north)).sum())
    return total


def straight(a: Point, b: Point) -> float:
    east, north = plan.warp(np.array([a[0], b[0]]), np.array([a[1], b[1]]))
    return float(np.hypot(east[1] - east[0], north[1] - north[0]))


def lonlat(point: Point) -> list[float]:
    (degrees,) = plan.to_degrees(*(np.atleast_1d(each) for each in plan.warp(*point)))
    return [float(degrees[0]), float(degrees[1])]


def middle(rectangle: tuple[float, float, float, float]) -> Point:
    return (rectangle[0] + rectangle[2]) / 2, (rectangle[1] + rectangle[3]) / 2
