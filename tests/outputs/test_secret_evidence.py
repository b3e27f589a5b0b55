"""What is secret is in no evidence either: every layer that metrics of roads draw, as the page and the GeoPackage hold it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from spatial.city import City
from spatial.measurement import measure
from spatial.outputs.geopackage import write_geopackage
from spatial.outputs.webmap import write_map
from tests.outputs.secret_city import contents
from tests.roads.stubs import FACING, at, box, layer, line, town

PLANT = "PLANTED-NAME"
BUILT = [line((60, 0), (-60, 0))]


def _layer(name: str) -> Any:
    made = {
        "planned_roads": layer(BUILT, name=[PLANT], status=["planned"]),
        "rail": layer([line((-900, 50), (900, 50))], name=["3号线"], railway=["subway"], routes=["3号线"]),
        "bus_lanes": layer([line((-900, 50), (900, 50))], name=[PLANT], directions=[2]),
        "greenways": layer([line((-900, 50), (900, 50))], name=[PLANT]),
        "road_speeds": layer([line((-900, 50), (900, 50))], name=[PLANT], free_flow_kmh=[60.0], peak_kmh=[20.0]),
        "hamlets": layer([at(0, 50)], name=[PLANT]),
        "gates": layer([at(-60, 0)], barrier=["gate"], name=[PLANT]),
        "road_polygons": layer([box(-60, -5, 60, 5)], kind=["paved"], name=[PLANT]),
    }
    return made[name]


CASES = [
    ("planned_roads", "dead_end_roads_open"), ("gates", "dead_end_roads_open"), ("roads", "dead_end_roads_open"), ("roads", "branch_road_length"),
    ("rail", "rail_length"), ("bus_lanes", "bus_lane_length"), ("greenways", "greenway_length"), ("road_speeds", "congestion_index"),
    ("hamlets", "hamlet_paved_access"), ("road_polygons", "road_area_ratio"), ("built_up_area", "built_up_area"),
]  # fmt: skip

MAPS = {"dead_end_roads_open": "dead_ends", "built_up_area": "overview", "greenway_length": "slow"}


@pytest.mark.parametrize(("name", "metric"), CASES)
def test_no_evidence_draws_a_secret_layer(name: str, metric: str, tmp_path: Path) -> None:
    """Drawn where it is internal, and not where it is secret; the figure stays."""
    open_ = town(FACING, **{name: _layer(name)}) if name not in ("roads", "built_up_area") else _town_of(name)
    values = {}
    for level in ("internal", "secret"):
        layers = dict(open_.layers)
        layers[name] = replace(layers[name], sensitivity=level)
        results = measure(replace(open_, layers=MappingProxyType(layers), _memory={}), [metric], lang="en")
        folder = tmp_path / level
        folder.mkdir()
        write_geopackage(results, folder / "city.gpkg")
        write_map(results, folder / "map.html", name=MAPS.get(metric, "roads"))
        values[level] = results.table["value"].tolist()
        planted = [key for key, raw in contents(folder).items() if PLANT.encode() in raw]
        tables = _tables(folder / "city.gpkg")
        assert any(table.startswith(f"{metric}__") for table in tables) == (level == "internal"), tables
        if level == "secret":
            assert planted == []
    assert str(values["internal"]) == str(values["secret"])


def _town_of(name: str) -> City:
    open_ = town(FACING)
    named = replace(open_.layers[name], frame=open_.layers[name].frame.assign(name=PLANT))
    return replace(open_, layers=MappingProxyType({**open_.layers, name: named}), _memory={})


def _tables(path: Path) -> list[str]:
    import geopandas as gpd

    return [str(name) for name in gpd.list_layers(path).name if name not in ("areas", "metrics", "about")]
