"""What a page carries so that a reader may drop a site: streets and residents, packed, and never more than may be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyproj
import pytest

from spatial.crs import WGS84
from spatial.errors import ProjectError
from spatial.measurement import measure
from spatial.metrics.origins import people_origins
from spatial.metrics.walking import walk
from spatial.outputs.map_specs import map_spec
from spatial.outputs.webmap.languages import Shared
from spatial.outputs.webmap.streams import Streams, varints
from spatial.outputs.webmap.walking_graph import fitted_projection
from spatial.outputs.webmap.what_if import pack_what_if
from spatial.result import Results
from tests.outputs.served_city import served_city
from tests.outputs.test_maps import blob_of, payload_of
from tests.outputs.what_if_sites import MAP, what_if_page

METRICS = ["school_coverage", "bus_stop_500m_coverage", "park_service_coverage"]
KINDS = ["park", "primary_school", "bus_stop"]


def results(**extra: Any) -> Results:
    return measure(served_city(**extra), METRICS)


def read(data: bytes, at: int, count: int) -> list[int]:
    """Read whole numbers as the page does."""
    found = []
    for _ in range(count):
        folded = shift = 0
        while True:
            byte = data[at]
            at += 1
            folded |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found.append((folded >> 1) ^ -(folded & 1))
    return found


def test_whole_numbers_of_any_size_come_back() -> None:
    numbers = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2**30, -(2**30), 2**31 - 1, 5]
    assert read(varints(np.array(numbers)), 0, len(numbers)) == numbers
    assert varints(np.array([], dtype=np.int64)) == b""
    streams = Streams()
    streams.whole("one", [7, -7])
    streams.steps("two", [100, 101, 99])
    at, count, kind = streams.parts["two"]
    assert (count, kind) == (3, "steps")
    assert np.cumsum(read(streams.written(), at, count)).tolist() == [100, 101, 99]


@pytest.mark.parametrize(
    ("code", "lon", "lat", "half_m"),
    [
        ("EPSG:4551", 126.6, 45.8, 60_000),
        ("EPSG:32628", -15.4, 28.1, 20_000),
        ("EPSG:32659", 170.0, -2.0, 5_000),
        ("EPSG:4547", 113.5, 22.5, 150_000),
    ],
)
def test_the_projection_travels_to_two_millimetres(code: str, lon: float, lat: float, half_m: float) -> None:
    """As the page sums the terms, at places that the fit has not seen."""
    crs = pyproj.CRS(code)
    x, y = pyproj.Transformer.from_crs(WGS84, crs, always_xy=True).transform(lon, lat)
    corner = np.array([x - half_m - 7, y - half_m - 7])
    said = fitted_projection(crs, (x - half_m, y - half_m, x + half_m, y + half_m), corner)
    rng = np.random.default_rng(1)
    places = np.array([x, y]) + rng.uniform(-half_m, half_m, (300, 2))
    degrees = np.column_stack(pyproj.Transformer.from_crs(crs, WGS84, always_xy=True).transform(*places.T))

    def total(terms: str, u: Any, v: Any) -> Any:
        coefficients = iter(said[terms])
        return sum(next(coefficients) * u**i * v**j for i in range(said["degree"] + 1) for j in range(said["degree"] + 1 - i))

    (lon0, lat0, lon_half, lat_half), (x0, y0, x_half, y_half) = said["degrees"], said["metres"]
    u, v = (degrees[:, 0] - lon0) / lon_half, (degrees[:, 1] - lat0) / lat_half
    back = np.column_stack([x0 + x_half * total("to_x", u, v), y0 + y_half * total("to_y", u, v)]) + corner
    assert np.abs(back - places).max() < 0.003
    u, v = (places[:, 0] - corner[0] - x0) / x_half, (places[:, 1] - corner[1] - y0) / y_half
    there = np.column_stack([lon0 + lon_half * total("to_lon", u, v), lat0 + lat_half * total("to_lat", u, v)])
    assert (np.abs(there - degrees).max(axis=0) * [111_320, 111_320] < 0.003).all()


def test_streets_and_residents_travel_whole(tmp_path: Path) -> None:
    made = results()
    page = what_if_page(made, tmp_path, KINDS).read_text(encoding="utf-8")
    what, data = payload_of(page)["what_if"], blob_of(page, "what-if")
    graph = walk(made.city).graph
    assert what["streams"]["start"][1] == len(graph.start)
    assert what["streams"]["node_x"][1] == len(graph.xy)
    assert what["streams"]["at_edge"][1] == len(people_origins(made.city))
    at, count, _ = what["streams"]["node_x"]
    nodes = np.cumsum(read(data, at, count)) / 1000
    np.testing.assert_allclose(nodes - nodes[0], graph.xy[:, 0] - graph.xy[0, 0], atol=0.0011)
    assert [kind["name"] for kind in what["kinds"]] == KINDS
    assert {(each["metric"], each["variant"]) for each in what["measures"]} >= {
        ("park_service_coverage", "network_2022_people"),
        ("bus_stop_500m_coverage", "network_residents"),
        ("school_coverage", "primary_school_network_residents"),
    }


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    one, two = what_if_page(results(), tmp_path, KINDS), what_if_page(results(), tmp_path / "again", KINDS)
    assert one.read_bytes() == two.read_bytes()


def test_a_map_without_what_if_carries_nothing(tmp_path: Path) -> None:
    page = what_if_page(results(), tmp_path, []).read_text(encoding="utf-8")
    assert "what_if" not in payload_of(page)
    assert 'id="spatial-what-if"' not in page


@pytest.mark.parametrize("layer", ["roads", "population", "parks"])
def test_secret_layers_are_not_told_of(tmp_path: Path, layer: str) -> None:
    made = results()
    hidden = replace(made.city.layers[layer], sensitivity="secret")
    made = replace(made, city=replace(made.city, layers=MappingProxyType({**made.city.layers, layer: hidden})))
    page = what_if_page(made, tmp_path, KINDS).read_text(encoding="utf-8")
    assert "what_if" not in payload_of(page)
    assert 'id="spatial-what-if"' not in page
    title = made.city.layers[layer].spec.title
    assert f"No what-if, since it would hold secret layers: {title.en}" in payload_of(page, "en")["notices"]
    assert f"不提供情景推演，因含涉密图层：{title.zh}" in payload_of(page, "zh")["notices"]


def test_a_public_edition_has_none(tmp_path: Path) -> None:
    made = results()
    what_if_page(made, tmp_path, KINDS)
    shared = Shared()
    data, notices = pack_what_if(made, map_spec(MAP, tmp_path), np.arange(len(made.areas)), shared, edition="public")
    assert data is None
    assert len(notices) == 1
    assert not shared.blobs


def test_a_class_that_is_not_mapped_is_left_out_and_said(tmp_path: Path) -> None:
    page = what_if_page(results(), tmp_path, ["park", "hospital", "rail_station"]).read_text(encoding="utf-8")
    data = payload_of(page, "en")
    assert [kind["name"] for kind in data["what_if"]["kinds"]] == ["park"]
    said = [notice for notice in data["notices"] if notice.startswith("What-if without")]
    assert len(said) == 2
    assert "“hospital”" in said[0]


def test_without_residents_there_is_none(tmp_path: Path) -> None:
    page = what_if_page(results(population=None), tmp_path, ["park"]).read_text(encoding="utf-8")
    data = payload_of(page, "en")
    assert "what_if" not in data
    assert any("layer population was not supplied" in notice for notice in data["notices"])


def test_an_unknown_class_is_refused_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=rf'{MAP}.toml: what_if: there is no facility class "parc"; did you mean'):
        what_if_page(results(), tmp_path, ["parc"])
