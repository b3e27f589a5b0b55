"""How complete the map is: an index beside every result, and the layers that are too thin to measure with."""

from __future__ import annotations

import numpy as np
import shapely

from spatial import overlay
from spatial.areas import Areas
from spatial.catalogue import reference
from spatial.city import City
from spatial.metrics.registry import metric
from spatial.result import MetricResult, ratio
from spatial.roads import length_by_area, road_model
from spatial.text import Text


def thin_layers(city: City) -> dict[str, Text]:
    """Name the OSM layers that a mapped city cannot be so empty of, judged once for the whole extract.

    Parameters
    ----------
    city
        Any.

    Returns
    -------
    dict
        Layer → why. Empty where there are no roads to judge by.
    """
    return city.memo(("city-wide", "thin_layers"), lambda: _thin(city))


def _thin(city: City) -> dict[str, Text]:
    if city.layer("roads").missing:
        return {}
    model = road_model(city)
    hundred_km = float(shapely.length(model.lines[model.classes("length")]).sum()) / 1e5
    found = {}
    for name, limits in _limits().items():
        layer = city.layer(name)
        if not layer.origin.startswith("osm") or layer.frame is None or not hundred_km:
            continue
        density = len(layer.frame) / hundred_km
        if density < limits["thin"]:
            found[name] = Text(
                f"OSM 的 {name} 稀疏：全数据 {len(layer.frame)} 个，每百公里街道 {density:.2g} 个，低于 {limits['thin']:g}，可能未测绘",
                f"OSM {name} are thin: {len(layer.frame)} in the whole extract, {density:.2g} per 100 km of streets, below {limits['thin']:g}: probably not mapped",
            )
    return found


def _limits() -> dict[str, dict[str, float]]:
    return {key: row for key, row in reference("completeness").items() if isinstance(row, dict)}


@metric(
    "data_completeness",
    title=Text("数据完整度", "Data completeness"),
    definition=Text(
        "每百公里街道的要素数 ÷ 参考密度（上限 1）；road_attributes 为有宽度或车道数的道路长度占比。参考密度为建议值，待确认",
        "Features per 100 km of streets ÷ a reference density, at most 1; road_attributes is the share of road length with a width or lanes."
        " The reference densities are proposals, to be confirmed",
    ),
    standard=Text("本项目指标，与结果一并展示", "an index of this project, shown beside every result"),
    unit="1",
    bases={
        **dict.fromkeys(("parks", "buildings", "facilities", "landuse", "green"), ("count", "m")),
        "road_attributes": ("m", "m"),
    },
    needs=("roads",),
    variants={
        "parks": Text("公园", "parks"),
        "buildings": Text("建筑", "buildings"),
        "facilities": Text("设施", "facilities"),
        "landuse": Text("用地", "land use"),
        "green": Text("绿地", "green land"),
        "road_attributes": Text("道路属性", "road attributes"),
    },
    halo_m=150.0,
)
def data_completeness(city: City, areas: Areas, *, variant: str) -> MetricResult:
    """Index of completeness by layer.

    Parameters
    ----------
    city
        With ``roads``.
    areas
        Whole areas.
    variant
        A layer of ``data/completeness.toml``, or ``road_attributes``.

    Returns
    -------
    MetricResult
        ``value`` 0–1, NaN where an area has no street; ``estimated`` because the reference is a proposal, except for ``road_attributes``.
    """
    model = road_model(city)
    streets = model.classes("length")
    metres = length_by_area(city, areas, streets, once=False)
    if variant == "road_attributes":
        known = streets & (model.source < 3)
        mapped = length_by_area(city, areas, known, once=False)
        return MetricResult(ratio(mapped, metres), mapped, metres)
    layer = city.layer(variant)
    if layer.missing or layer.frame is None:
        return MetricResult.without(len(areas), layer.missing or Text("图层不是要素", "the layer has no features"))
    if "osm" not in layer.origin and layer.options.get("file"):
        why = Text("本地图层，不按 OSM 的密度评判", "a local layer: not judged by the densities of OpenStreetMap")
        return MetricResult.without(len(areas), why)
    points = shapely.point_on_surface(np.asarray(layer.frame.geometry.to_numpy(), dtype=object))
    _, owner = overlay.points_within(points, areas.pieces, areas.exclusive)
    count = np.bincount(owner, minlength=len(areas)).astype(float)
    thin = thin_layers(city).get(variant)
    return MetricResult(
        np.minimum(1.0, ratio(count, metres / 1e5) / _limits()[variant]["reference"]),
        count,
        metres,
        estimated=True,
        notes=[thin] if thin else [],
    )
