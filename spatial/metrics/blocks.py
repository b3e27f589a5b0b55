"""Street blocks: how large they are, and how much of their ground is in blocks larger than the standard recommends."""

from __future__ import annotations

import geopandas as gpd
import numpy as np

from spatial import catalogue, overlay
from spatial.areas import CITY, Areas
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.metrics.street_blocks import UNKNOWN, Bools, StreetBlocks, street_blocks
from spatial.overlay import Floats, Ints
from spatial.result import Evidence, MetricResult, ratio
from spatial.roads import unknown_note
from spatial.text import Text

_KINDS = {key: Text(**row["title"]) for key, row in catalogue.reference("blocks")["kinds"].items()}
_LIMITS = {key: float(row["limit_m"]) for key, row in catalogue.reference("blocks")["kinds"].items()}
_HAIR_M = 0.05  # streets drawn at 300 m are 300 m apart

_STANDARD = Text(
    f"GB/T 51328-2018 推荐街区尺度：居住区不大于 {_LIMITS['residential']:g} 米，商业区 100–{_LIMITS['commercial']:g} 米，"
    f"工业区、物流园区不大于 {_LIMITS['industrial']:g} 米（待核对原文）",
    f"GB/T 51328-2018, recommended: residential ≤ {_LIMITS['residential']:g} m, commercial 100–{_LIMITS['commercial']:g} m,"
    f" industry and logistics ≤ {_LIMITS['industrial']:g} m (to be confirmed against the text)",
)
_NEEDS_USE = ("landuse",)


@metric(
    "block_size",
    title=Text("街区规模", "Size of street blocks"),
    definition=Text(
        "建成区内由开放市政道路（含步行街）围合的街区（扣除水面、公园、农林用地、铁路用地和道路用地，量至道路中心线）的面积；街区计入其内点所在的区",
        "Area of the street blocks of the built-up area: ground enclosed by open municipal and pedestrian streets, measured to their axes, without waters, parks, fields,"
        " railways and road land; a block counts where its inner point lies",
    ),
    standard=_STANDARD,
    unit="ha",
    bases={"median": ("", ""), "mean": ("m2", "count")},
    needs=("roads",),
    scope="built_up_area",
    variants={"median": Text("中位数", "median"), "mean": Text("平均", "mean")},
    halo_m=None,
    evidence={"street_blocks": Evidence(Text("街区", "street blocks"), "#5c6bc0", by="side_m", shows=("landuse",))},
)
def block_size(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Area of street blocks.

    Parameters
    ----------
    city
        With ``roads``; ``landuse``, ``parks``, ``water`` and ``rail`` say what is no block.
    areas
        Rows, restricted to the built-up area.
    variant
        ``median`` or ``mean``.

    Returns
    -------
    MetricResult
        ``value`` ha, NaN where no block lies; of the mean ``numerator`` is the whole area of the blocks that count here, m², ``denominator`` their number.
        ``evidence["street_blocks"]``: the blocks with area, longer side, land use and the side that is recommended.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    GB/T 51328-2018, recommended scale of blocks. It names length and width, which fit its densities between the axes of streets (100 m: 20 km/km²).
    Streets that end inside a block do not divide it; paths and inner roads do not either. Waters, parks and fields of at least 1 ha, railways and
    road land (medians, islands, roundabouts, interchanges) are no block and divide one; these rules of ``data/blocks.toml`` are this project's
    proposal, to be confirmed.
    """
    blocks = street_blocks(city)
    index, owner = _here(blocks, areas)
    if variant == "median":
        value, above, count = _medians(blocks.area_m2[index], owner, len(areas)) / 1e4, None, None
    else:
        count = np.bincount(owner, minlength=len(areas)).astype(float)
        above = overlay.sum_by(owner, blocks.area_m2[index], len(areas))
        value = ratio(above, count) / 1e4
    evidence = {"street_blocks": lambda: _frame(city, blocks, np.unique(index))} if variant == "median" else {}
    return MetricResult(value, above, count, notes=_notes(city, blocks), row_notes=_enclosed(blocks, areas), evidence=evidence)


@metric(
    "block_side",
    title=Text("街区边长", "Side of street blocks"),
    definition=Text(
        "建成区内街区最小外接矩形的长边；街区的认定同“街区规模”",
        "Longer side of the smallest rectangle around each street block of the built-up area; blocks as for their size",
    ),
    standard=_STANDARD,
    unit="m",
    bases={"median": ("", ""), "mean": ("m", "count")},
    needs=("roads",),
    scope="built_up_area",
    variants={"median": Text("中位数", "median"), "mean": Text("平均", "mean")},
    halo_m=None,
)
def block_side(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Longer side of street blocks.

    Parameters
    ----------
    city
        As for ``block_size``.
    areas
        Rows, restricted to the built-up area.
    variant
        ``median`` or ``mean``.

    Returns
    -------
    MetricResult
        ``value`` m, NaN where no block lies; of the mean ``numerator`` is the sum of the sides, m, ``denominator`` the number of blocks.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    GB/T 51328-2018 names length and width of a block, both within one limit; the longer side of the smallest rectangle, whichever way it lies, is the
    length of a block of any shape.
    """
    blocks = street_blocks(city)
    index, owner = _here(blocks, areas)
    if variant == "median":
        return MetricResult(_medians(blocks.side_m[index], owner, len(areas)), notes=_notes(city, blocks))
    count = np.bincount(owner, minlength=len(areas)).astype(float)
    above = overlay.sum_by(owner, blocks.side_m[index], len(areas))
    return MetricResult(ratio(above, count), above, count, notes=_notes(city, blocks))


@metric(
    "oversized_blocks",
    title=Text("超尺度街区占比", "Oversized street blocks"),
    definition=Text(
        "长边超过推荐街区尺度的街区面积 ÷ 街区总面积；尺度按街区主要用地取值，用地不明的按居住区",
        "Ground of street blocks whose longer side is above the one recommended ÷ ground of all blocks; the limit is that of a block's main land use,"
        " the residential one where the use is not mapped",
    ),
    standard=_STANDARD,
    unit="1",
    bases={**dict.fromkeys(["longer_side", "square_root", *_KINDS], ("m2", "m2")), "number": ("count", "count")},
    needs=("roads",),
    scope="built_up_area",
    variants={
        "longer_side": Text("按长边", "by the longer side"),
        "square_root": Text("按面积的平方根（从宽）", "by the square root of the area (lenient)"),
        "number": Text("按街区个数（长边）", "by number of blocks (longer side)"),
        **_KINDS,
    },
    variant_needs=dict.fromkeys(_KINDS, _NEEDS_USE),
    halo_m=None,
    evidence={"oversized": Evidence(Text("超尺度街区", "oversized street blocks"), "#c62828")},
)
def oversized_blocks(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Share of block ground, or of blocks, above the recommended scale.

    Parameters
    ----------
    city
        As for ``block_size``; ``landuse`` tells the kind of district.
    areas
        Rows, restricted to the built-up area.
    variant
        ``longer_side``, ``square_root`` (of the area, in place of the side), ``number`` (of blocks, in place of their ground), or one of the kinds of
        district of ``data/blocks.toml``.

    Returns
    -------
    MetricResult
        ``value`` 0–1, NaN where there is no block (of this kind); ``numerator`` and ``denominator`` m², ground split exactly where a block lies in
        several areas, or numbers. ``low``/``high``: blocks of unknown use taken for industry or for a commercial centre; ``quality``: share whose
        use is mapped; ``estimated`` where the unknown would make a difference. ``evidence["oversized"]``: the blocks above their limit.

    Raises
    ------
    LayerError
        The city has no roads.

    References
    ----------
    GB/T 51328-2018, recommended scale of blocks by functional district; the limits and the land uses of each kind stand in ``data/blocks.toml`` and are
    to be confirmed. A block of another known use (schools, offices) is held against the residential limit.
    """
    blocks = street_blocks(city)
    if variant == "number":
        index, owner = _here(blocks, areas)
        weight = np.ones(len(index))
    else:
        index, owner, weight = overlay.polygon_parts(blocks.ground, areas.pieces)
    if variant in _KINDS:
        mine = blocks.kind[index] == variant
        index, owner, weight = index[mine], owner[mine], weight[mine]
    side = np.sqrt(blocks.area_m2) if variant == "square_root" else blocks.side_m
    all_of = overlay.sum_by(owner, weight, len(areas))
    over = {unknown: side > blocks.limit_m(unknown) + _HAIR_M for unknown in ("residential", "industrial", "commercial")}
    above, least, most = (overlay.sum_by(owner, weight * each[index], len(areas)) for each in over.values())
    known = ratio(overlay.sum_by(owner, weight * (blocks.kind != UNKNOWN)[index], len(areas)), all_of)
    evidence = {}
    if variant == "longer_side":
        shown = np.unique(index[over["residential"][index]])
        evidence["oversized"] = lambda: _frame(city, blocks, shown)
    return MetricResult(
        value=ratio(above, all_of),
        numerator=above,
        denominator=all_of,
        low=ratio(least, all_of),
        high=ratio(most, all_of),
        quality=np.clip(np.nan_to_num(known), 0, 1),
        estimated=most - least > 1e-9 * all_of,
        notes=_notes(city, blocks),
        row_notes=_enclosed(blocks, areas) if variant != "number" else {},
        evidence=evidence,
    )


def _here(blocks: StreetBlocks, areas: Areas) -> tuple[Ints, Ints]:
    """Which blocks count in which row: each where its inner point lies."""
    return overlay.points_within(blocks.inside, areas.pieces, areas.exclusive)


def _medians(values: Floats, owner: Ints, count: int) -> Floats:
    found = np.full(count, np.nan)
    for row in np.unique(owner):
        found[row] = np.median(values[owner == row])
    return found


def _notes(city: City, blocks: StreetBlocks) -> list[Text]:
    notes = list(unknown_note(city))
    if blocks.cut:
        notes.append(
            Text(
                f"{blocks.cut} 处街区越出数据范围，不完整，未计入",
                f"{blocks.cut} blocks reach beyond what the data cover, are not whole and are left out",
            )
        )
    return notes


def _enclosed(blocks: StreetBlocks, areas: Areas) -> dict[int, list[Text]]:
    """Say for the whole city how much of its built-up ground blocks are: streets that close no face leave ground out."""
    row = int(np.flatnonzero(areas.ids == CITY)[0])
    size = areas.measured_m2[row]
    if not size or not len(blocks.ground):
        return {}
    share = overlay.surface_within(blocks.ground, areas.pieces)[row] / size
    return {
        row: [
            Text(
                f"街区占建成区 {share:.0%}，其余为道路、水面、公园、农林、铁路用地，或道路未围合",
                f"blocks are {share:.0%} of the built-up area; the rest is road land, water, parks, fields and railways, or not enclosed by streets",
            )
        ]
    }


def _frame(city: City, blocks: StreetBlocks, chosen: Ints | Bools) -> gpd.GeoDataFrame:
    columns = {
        "area_ha": np.round(blocks.area_m2[chosen] / 1e4, 2),
        "side_m": np.round(blocks.side_m[chosen]),
        "limit_m": blocks.limit_m()[chosen],
        "block_use": blocks.kind[chosen],
    }
    return gpd.GeoDataFrame(columns, geometry=list(blocks.ground[chosen]), crs=city.crs)
