"""The hand-drawn plan of Zixu: a skeleton of thirty-odd lines, what fills the ground between them, and one smooth warp that bends it all.

Everything is drawn in *plan* coordinates, where streets run straight along x or y; ``warp`` turns plan metres into city metres. Two streets
meet where their plan numbers are equal, so that no junction rests on rounding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyproj

NAME = "子虚市 Zixu"
CRS = "EPSG:32659"
CENTRE = (420_000.0, 4_873_000.0)  # in the open North Pacific near 44° N, 170° E: no real city is there
DATE = "2026-01-01"
PEOPLE = 612_000

COLUMNS = (-5400.0, -4400.0, -3400.0, -2500.0, -1600.0, -800.0, 0.0, 800.0, 1600.0, 2500.0, 3400.0, 4400.0, 5400.0)
ROWS = (-4900.0, -4100.0, -3200.0, -2500.0, -1800.0, -1380.0, -780.0, -180.0, 420.0, 1020.0, 1600.0, 1780.0, 2450.0, 3150.0, 3950.0)
WEST, EAST, SOUTH, NORTH = COLUMNS[0] - 200, COLUMNS[-1] + 200, ROWS[0] - 200, ROWS[-1] + 200  # the boundary
MARGIN = 400.0  # the data reach so far beyond the boundary
RIVER, RIVER_ROW, RIVER_HALF_WIDTH = -1590.0, 4, 105.0
RAIL, RAIL_ROW = 1690.0, 10
AXIS, RING_WEST, RING_EAST, RING_SOUTH, RING_NORTH = 6, 2, 10, 1, 13
BRIDGES = (2, 6, 8, 10)  # columns that cross the river
OVERPASSES, UNDERPASSES = (2, 10), (4, 8)  # columns that cross the railway
MOTORWAY_X = -5000.0

# What fills each quarter, north at the top:  o old town · w walk-up compounds · m mixed compounds · n new town · c commerce · g government
# u university · i industry · e development zone · v urban village · p park · P ticketed park · s sports · f wooded hill · . fields · r river · t railway
LAND = (
    ".....iiie...",
    "..iiwiilie..",
    ".vviwwiimee.",
    "tttttttttttt",
    ".wwwooocmwm.",
    ".wmwoooowmpe",
    "fwwpoocowume",
    "fmwwwocwmuw.",
    "f.mwwwwpww..",
    "rrrrrrrrrrrr",
    "ffnnngcnnm..",
    ".fnmnnnnPn..",
    "..mnspnmnw..",
    "......n.....",
)
assert len(LAND) == len(ROWS) - 1
assert all(len(row) == len(COLUMNS) - 1 for row in LAND)

HOUSING = "owmnv"
NOT_URBAN = ".frt"

# Local streets divide a quarter into so many blocks, west-east and south-north.
BLOCKS = {"o": (6, 5), "w": (4, 3), "m": (3, 2), "n": (2, 2), "c": (4, 4), "g": (3, 2), "i": (2, 2), "l": (2, 1), "e": (2, 2), "v": (1, 1)}

COLUMN_NAMES = ("荒唐路", "西山路", "西环路", "采薇街", "折柳街", "梦溪街", "子虚大街", "流萤街", "乌有大街", "听雪街", "东环路", "蜃气街", "东极路")  # fmt: skip
ROW_NAMES = ("南极路", "南环路", "望舒路", "水月大路", "滨河南路", "滨河北路", "枕流路", "无何大路", "浮生路", "槐安路", "铁南路", "铁北路", "空山路", "北环路", "北冥路")  # fmt: skip
COLUMN_CLASSES = ("secondary", "secondary", "secondary", "secondary", "secondary", "secondary", "primary", "secondary", "primary", "secondary", "secondary", "secondary", "secondary")  # fmt: skip
ROW_CLASSES = ("secondary", "secondary", "secondary", "primary", "secondary", "primary", "secondary", "primary", "secondary", "secondary", "tertiary", "tertiary", "secondary", "secondary", "secondary")  # fmt: skip
DUAL_COLUMNS, DUAL_ROWS = (AXIS,), (3, 7)
HALF_MEDIAN = 9.0  # from the middle of a dual road to the middle of each carriageway
RADIALS_OUT = (("row", 7, "west"), ("row", 7, "east"), ("row", 3, "east"), ("column", AXIS, "south"), ("column", 8, "north"))

# Code → names and plan rectangle (west, south, east, north); river and railway are common edges.
DISTRICTS = {
    "990101": ("乌有区 Wuyou", (-1600.0, RIVER, 1600.0, RAIL)),
    "990102": ("镜花区 Jinghua", (WEST, RIVER, -1600.0, RAIL)),
    "990103": ("亡是区 Wangshi", (1600.0, RIVER, EAST, RAIL)),
    "990104": ("水月区 Shuiyue", (WEST, SOUTH, EAST, RIVER)),
    "990105": ("海市区 Haishi", (WEST, RAIL, EAST, NORTH)),
}
# Examined like districts, and overlapping them.
ZONES = {
    "Z1": ("蜃楼经济技术开发区 Shenlou development zone", (2500.0, 420.0, EAST, 3150.0)),
    "Z2": ("水月新城 Shuiyue new town", (-3400.0, -3200.0, 3400.0, -1800.0)),
}


def warp(x: np.ndarray | float, y: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Plan metres to city metres in ``CRS``: the river's bends, the railway's curve, corners pulled in, everything turned by 5°."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    river = 330 * np.sin(x / 1700 + 0.6) + 200 * np.sin(x / 4100 - 0.4)
    rail = 150 * np.sin(x / 3600 + 0.3)
    bent = y + river * np.exp(-(((y - RIVER) / 2300) ** 2)) + rail * np.exp(-(((y - RAIL) / 1200) ** 2))
    x = x + 170 * np.sin(bent / 1900 + 0.5)
    u, v = np.clip(x / 6000, -1.2, 1.2), np.clip(bent / 4800, -1.2, 1.2)
    east, north = x * np.sqrt(1 - 0.36 * v**2), bent * np.sqrt(1 - 0.36 * u**2)
    turn = np.radians(5.0)
    return (
        CENTRE[0] + east * np.cos(turn) - north * np.sin(turn),
        CENTRE[1] + east * np.sin(turn) + north * np.cos(turn),
    )


def heading(x: float, y: float) -> float:
    """Direction of plan east in the city at a place, radians from grid east."""
    (e0, e1), (n0, n1) = warp(np.array([x - 1, x + 1]), np.array([y, y]))
    return float(np.arctan2(n1 - n0, e1 - e0))


_TO_DEGREES = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)


def to_degrees(east: np.ndarray, north: np.ndarray) -> np.ndarray:
    """City metres to degrees WGS-84, rounded as OSM keeps them; shape (n, 2)."""
    return np.round(np.column_stack(_TO_DEGREES.transform(east, north)), 7)


HILLTOP = (-4600.0, -2750.0)
HILLS = ((*HILLTOP, 140.0, 650.0), (-4850.0, -1000.0, 60.0, 600.0), (-3900.0, 100.0, 22.0, 700.0))  # plan x, y, height m, spread m


def height_m(x: np.ndarray | float, y: np.ndarray | float) -> np.ndarray:
    """Height of the ground at plan places: a plain that rises to the north, the river's valley, and the hills of the west."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    ground = 190 + 0.002 * (y - RIVER) - 7 * np.exp(-(((y - RIVER) / 260) ** 2)) + 0.0015 * np.maximum(-x, 0)
    for east, north, height, spread in HILLS:
        ground = ground + height * np.exp(-((x - east) ** 2 + (y - north) ** 2) / spread**2)
    return ground


def draw(*key: object) -> float:
    """A number in [0, 1) that depends on nothing but its key: the seed of everything that looks like chance."""
    digest = hashlib.blake2b(repr(("zixu-1", *key)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def pick(items: tuple[str, ...] | str, *key: object) -> str:
    return items[int(draw(*key) * len(items))]


def kind_of(i: int, j: int) -> str:
    """What fills the quarter east of column i and north of row j."""
    if not (0 <= i < len(COLUMNS) - 1 and 0 <= j < len(ROWS) - 1):
        return "."
    return LAND[len(LAND) - 1 - j][i]


def urban(i: int, j: int) -> bool:
    return kind_of(i, j) not in NOT_URBAN


@dataclass(frozen=True)
class Edge:
    """A piece of a skeleton line between two neighbouring lines that cross it."""

    along: str  # "row" runs west-east, "column" south-north
    line: int
    at: float
    low: float
    high: float
    road_class: str
    name: str
    dual: bool
    structure: str = ""  # bridge or tunnel
    ring: bool = False


def edges() -> Iterator[Edge]:
    """All pieces of the skeleton's streets."""
    for i, at in enumerate(COLUMNS):
        for j in range(len(ROWS) - 1):
            on_ring = i in (RING_WEST, RING_EAST) and RING_SOUTH <= j < RING_NORTH
            if not (
                on_ring
                or urban(i, j)
                or urban(i - 1, j)
                or (j == RIVER_ROW and i in BRIDGES)
                or _crosses_rail(i, j)
                or (i, j) in ((AXIS, 0), (8, 13))
            ):
                continue
            yield _edge("column", i, at, ROWS[j], ROWS[j + 1], on_ring, _structure(i, j))
    for j, at in enumerate(ROWS):
        for i in range(len(COLUMNS) - 1):
            on_ring = j in (RING_SOUTH, RING_NORTH) and RING_WEST <= i < RING_EAST
            if on_ring or urban(i, j) or urban(i, j - 1) or j == 7 or (j == 3 and i >= 10):
                yield _edge("row", j, at, COLUMNS[i], COLUMNS[i + 1], on_ring, "")
    beyond = {
        "west": (WEST - MARGIN, COLUMNS[0]), "east": (COLUMNS[-1], EAST + MARGIN), "south": (SOUTH - MARGIN, ROWS[0]), "north": (ROWS[-1], NORTH + MARGIN),
    }  # fmt: skip
    for along, line, side in RADIALS_OUT:
        at = (ROWS if along == "row" else COLUMNS)[line]
        yield _edge(along, line, at, *beyond[side], False, "")


def _crosses_rail(i: int, j: int) -> bool:
    return j == RAIL_ROW and i in (*OVERPASSES, *UNDERPASSES)


def _structure(i: int, j: int) -> str:
    if j == RIVER_ROW or (j == RAIL_ROW and i in OVERPASSES):
        return "bridge"
    return "tunnel" if j == RAIL_ROW else ""


def _edge(along: str, line: int, at: float, low: float, high: float, ring: bool, structure: str) -> Edge:
    column = along == "column"
    name = (COLUMN_NAMES if column else ROW_NAMES)[line]
    road_class = "primary" if ring else (COLUMN_CLASSES if column else ROW_CLASSES)[line]
    dual = ring or line in (DUAL_COLUMNS if column else DUAL_ROWS)
    return Edge(along, line, at, low, high, road_class, name, dual, structure, ring)


EDGES = tuple(edges())
_BY_PLACE = {(e.along, e.line, e.low): e for e in EDGES}
SETBACK = {"primary": 18.0, "secondary": 14.0, "tertiary": 10.0}


def edge_at(along: str, line: int, low: float) -> Edge | None:
    return _BY_PLACE.get((along, line, low))


def setback(edge: Edge | None) -> float:
    """From the middle of a skeleton street to the lots beside it."""
    return 0.0 if edge is None else SETBACK[edge.road_class] + (HALF_MEDIAN if edge.dual else 0.0)


@dataclass(frozen=True)
class Lot:
    """The ground of one block between its streets, in plan metres."""

    quarter: tuple[int, int]
    cell: tuple[int, int]
    kind: str
    x0: float
    y0: float
    x1: float
    y1: float
    curb_south: float  # y of the nearest carriageway south and north, x of that west and east: where its ways join the streets
    curb_north: float
    curb_west: float
    curb_east: float

    @property
    def key(self) -> tuple[int, int, int, int]:
        return (*self.quarter, *self.cell)

    @property
    def middle(self) -> tuple[float, float]:
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2


LOCAL_SETBACK = {"o": 7.0, "w": 9.0, "m": 10.0, "n": 11.0, "c": 9.0}


def divisions(i: int, j: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Plan numbers of the streets of a quarter: x of those that run south-north, y of those that run west-east, its edges included."""
    columns, rows = BLOCKS.get(kind_of(i, j), (1, 1))
    x0, x1, y0, y1 = COLUMNS[i], COLUMNS[i + 1], ROWS[j], ROWS[j + 1]
    return (
        tuple(round(x0 + (x1 - x0) * k / columns, 2) for k in range(columns + 1)),
        tuple(round(y0 + (y1 - y0) * k / rows, 2) for k in range(rows + 1)),
    )


def lots() -> Iterator[Lot]:
    """All blocks of the urban quarters."""
    for j in range(len(ROWS) - 1):
        for i in range(len(COLUMNS) - 1):
            if urban(i, j):
                yield from _lots_of(i, j)


def _lots_of(i: int, j: int) -> Iterator[Lot]:
    kind = kind_of(i, j)
    xs, ys = divisions(i, j)
    local = LOCAL_SETBACK.get(kind, 10.0)
    south, north = edge_at("row", j, COLUMNS[i]), edge_at("row", j + 1, COLUMNS[i])
    west, east = edge_at("column", i, ROWS[j]), edge_at("column", i + 1, ROWS[j])

    def curb(edge: Edge | None, at: float, inward: float) -> float:
        return at + inward * HALF_MEDIAN if edge is not None and edge.dual else at

    for b in range(len(ys) - 1):
        for a in range(len(xs) - 1):
            first_a, last_a, first_b, last_b = a == 0, a == len(xs) - 2, b == 0, b == len(ys) - 2
            yield Lot(
                (i, j), (a, b), kind,
                xs[a] + (setback(west) if first_a else local), ys[b] + (setback(south) if first_b else local),
                xs[a + 1] - (setback(east) if last_a else local), ys[b + 1] - (setback(north) if last_b else local),
                curb(south, ys[b], 1) if first_b else ys[b], curb(north, ys[b + 1], -1) if last_b else ys[b + 1],
                curb(west, xs[a], 1) if first_a else xs[a], curb(east, xs[a + 1], -1) if last_a else xs[a + 1],
            )  # fmt: skip


# Streets that stop in the middle of their quarter: quarter, direction, number of the street, share that is built.
DEAD_ENDS = {((1, 8), "column", 2): 0.55, ((10, 6), "row", 1): 0.62, ((4, 2), "column", 1): 0.6}


def reaches(lot: Lot, side: str, position: float) -> bool:
    """Whether the street on a side of a lot is built as far as a place beside it."""
    (i, j), (a, b) = lot.quarter, lot.cell
    along, number = {"W": ("column", a), "E": ("column", a + 1), "S": ("row", b), "N": ("row", b + 1)}[side]
    share = DEAD_ENDS.get(((i, j), along, number))
    low, high = (ROWS[j], ROWS[j + 1]) if along == "column" else (COLUMNS[i], COLUMNS[i + 1])
    return share is None or position <= low + (high - low) * share


LOTS = {lot.key: lot for lot in lots()}
