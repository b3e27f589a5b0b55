"""Who may pass where: the rules of A5 for ways and gates, read from tags."""

from __future__ import annotations

from typing import Literal

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.overlay import Ints

Mode = Literal["walk", "drive"]
Bools = npt.NDArray[np.bool_]

OPEN, PRIVATE, CLOSED = 0, 1, 2
EXPRESSWAY_NAME = "快速路|高架"

_UNBUILT = ("construction", "proposed", "planned", "abandoned", "disused", "razed", "demolished", "no")
_NO_STREET = (
    "raceway",
    "bus_guideway",
    "busway",
    "rest_area",
    "services",
    "escape",
    "emergency_bay",
    "platform",
    "via_ferrata",
    "bus_stop",
)
_MOTORWAYS = ("motorway", "motorway_link", "高速公路", "高速")  # local layers say it in Chinese
_EXPRESSWAYS = ("快速路", "城市快速路")
_CAR_ROADS = (
    *(f"{kind}{link}" for kind in ("motorway", "trunk", "primary", "secondary", "tertiary") for link in ("", "_link")),
    *("unclassified", "residential", "living_street", "service", "road"),
    *("高速公路", "高速", *_EXPRESSWAYS, "主干路", "主干道", "次干路", "次干道", "支路", "匝道", "连接线", "生活街", "内部道路", "内部路"),
)
_YES = ("yes", "designated", "permissive", "official", "destination", "customers")
_RESIDENTS = ("private", "residents", "permit", "employees", "staff", "members", "military")
_STOPS_WALKERS = ("wall", "fence", "hedge", "city_wall", "retaining_wall")
_STOPS_CARS = (
    *("bollard", "block", "cycle_barrier", "motorcycle_barrier", "stile", "horse_stile", "step", "kissing_gate", "turnstile"),
    *(
        "full-height_turnstile",
        "hampshire_gate",
        "jersey_barrier",
        "guard_rail",
        "log",
        "debris",
        "planter",
        "chain",
        "rope",
        "wicket_gate",
    ),
    *_STOPS_WALKERS,
)


def way_status(roads: gpd.GeoDataFrame, mode: Mode) -> Ints:
    """Say of every way whether the public passes.

    Parameters
    ----------
    roads
        Layer ``roads``; columns that are missing count as empty.
    mode
        ``walk``: every highway but motorways, motorroads, expressways by name, what is not open to traffic yet or any more, and what is no
        street (raceways, guideways, platforms …); ``foot`` decides before ``access`` and may open a motorroad too. ``drive``: the classes
        that cars use; ``motor_vehicle`` decides before ``access``.

    Returns
    -------
    numpy.ndarray
        ``OPEN``, ``PRIVATE`` (residents only, nobody passes through) or ``CLOSED``, by row.
    """
    highway = text(roads, "highway")
    own = text(roads, "foot" if mode == "walk" else "motor_vehicle")
    access = text(roads, "access")
    if mode == "walk":
        never = highway.isin(_UNBUILT + _NO_STREET)
        unless = highway.isin(_MOTORWAYS) | (text(roads, "motorroad") == "yes") | expressways(roads)
    else:
        never = ~highway.isin(_CAR_ROADS)
        unless = highway == ""
    allowed = own.isin(_YES)
    status = np.where(access == "no", CLOSED, np.where(access.isin(_RESIDENTS), PRIVATE, OPEN))
    status = np.where(unless, CLOSED, status)
    status = np.where(allowed, OPEN, status)
    status = np.where(own.isin(_RESIDENTS) & ~unless, np.where(access == "no", CLOSED, PRIVATE), status)
    return np.where(never | (own == "no"), CLOSED, status).astype(np.int64)


def expressways(roads: gpd.GeoDataFrame) -> Bools:
    """Find trunk roads that are motorroads, or expressways by their name (快速路, 高架), with their links."""
    trunk = text(roads, "highway").isin(("trunk", "trunk_link"))
    named = text(roads, "name").str.contains(EXPRESSWAY_NAME, regex=True)
    said = text(roads, "highway").isin(_EXPRESSWAYS)
    return np.asarray(said | (trunk & ((text(roads, "motorroad") == "yes") | named)), dtype=bool)


def gate_status(gates: gpd.GeoDataFrame, mode: Mode) -> Ints:
    """Say of every gate whether the public passes.

    Parameters
    ----------
    gates
        Layer ``gates``; columns that are missing count as empty.
    mode
        On foot a gate is open unless it is a wall, a fence or the like drawn across the way, is locked, or is forbidden; ``foot=yes`` opens
        all of these. For cars bollards, blocks and stiles are closed as well.

    Returns
    -------
    numpy.ndarray
        ``OPEN``, ``PRIVATE`` or ``CLOSED``, by row.
    """
    barrier, access = text(gates, "barrier"), text(gates, "access")
    own = text(gates, "foot") if mode == "walk" else pd.Series("", index=gates.index)
    closed = barrier.isin(_STOPS_WALKERS if mode == "walk" else _STOPS_CARS) | (text(gates, "locked") == "yes") | (access == "no")
    status = np.where(closed, CLOSED, np.where(access.isin(_RESIDENTS) | own.isin(_RESIDENTS), PRIVATE, OPEN))
    status = np.where(own.isin(_YES), OPEN, status)
    return np.where(own == "no", CLOSED, status).astype(np.int64)


def directions(roads: gpd.GeoDataFrame) -> tuple[Bools, Bools]:
    """Say in which directions cars may drive a way.

    Returns
    -------
    tuple of arrays
        Along the line and against it, by row. Motorways and roundabouts are one-way where nothing else is said; a street whose direction
        changes by the hour (``reversible``, ``alternating``) is open both ways.
    """
    oneway = text(roads, "oneway").str.lower()
    implied = (text(roads, "highway") == "motorway") | text(roads, "junction").isin(("roundabout", "circular"))
    along = oneway.isin(("yes", "true", "1")) | ((oneway == "") & implied)
    against = oneway.isin(("-1", "reverse"))
    return np.asarray(~against, dtype=bool), np.asarray(~along, dtype=bool)


def text(frame: gpd.GeoDataFrame, column: str) -> pd.Series:
    """Column of tags as text; empty where it is missing or says nothing."""
    if column not in frame:
        return pd.Series("", index=frame.index, dtype=object)
    return frame[column].astype(object).where(frame[column].notna(), "").astype(str)
