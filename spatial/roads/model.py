"""The roads as planners count them: classes, dual carriageways once, widths with their source."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.city import City
from spatial.errors import sample
from spatial.overlay import Floats, Geometries, Ints
from spatial.roads.classes import class_table, classify, unknown_classes
from spatial.roads.pairing import runs_of
from spatial.roads.widths import widths_of
from spatial.text import Text

HALO_M = 150.0  # half the largest width, and twins of twins at its edge

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
    carriageways
        How many carriageways the road has here, shape (r,): 1, or 2 and more where others of the same road run beside this one.
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
    carriageways: Ints
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
        """Factor of length: each road once, however many carriageways it has."""
        return np.asarray(1.0 / self.carriageways, dtype=np.float64)

    @property
    def paired(self) -> Bools:
        """Whether the run is one of several carriageways."""
        return self.carriageways > 1

    def classes(self, flag: str) -> Bools:
        """Which runs are open and of a class that has ``flag`` set (``municipal``, ``length``)."""
        table = class_table()
        return self.open & np.isin(self.road_class, [key for key, row in table.items() if row[flag]])


def road_model(city: City) -> RoadModel:
    """Build the model once a city; see ``RoadModel``.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo("road_model", lambda: _build(city.frame("roads")))


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
    runs, owner, paired = runs_of(lines, roads, kind, direction, pairable)
    mine = roads.iloc[owner]
    road_class = kind[owner]
    widths, source, rejected, odd_lanes = widths_of(mine, road_class, paired)
    closed = mine["access"].isin(["private", "no"]) | mine["motor_vehicle"].isin(["no", "private"])
    return RoadModel(
        lines=runs,
        road=index[owner],
        road_class=road_class,
        carriageways=np.where(paired, 2, 1),
        widths=widths,
        source=source,
        open=~closed.to_numpy(dtype=bool) & (road_class != ""),
        tunnel=(mine["tunnel"].notna() & ~mine["tunnel"].isin(["no", "F", ""])).to_numpy(dtype=bool),
        minor_service=mine["service"].isin(["driveway", "parking_aisle", "drive-through"]).to_numpy(dtype=bool),
        rejected_widths=rejected,
        rejected_lanes=odd_lanes,
        unknown_classes=unknown_classes(roads),
    )


def _direction(roads: gpd.GeoDataFrame) -> Ints:
    """+1 one-way along the line, -1 against it, 0 both ways."""
    value = roads["oneway"].fillna("").astype(str).str.lower()
    forward = value.isin(["yes", "true", "1"]) | ((value == "") & ((roads["highway"] == "motorway") | (roads["junction"] == "roundabout")))
    return forward.to_numpy(dtype=int) - value.isin(["-1", "reverse"]).to_numpy(dtype=int)


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
