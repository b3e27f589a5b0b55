"""What a layer is, and how a raw frame is typed."""

import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from spatial.errors import LayerError, ProjectError
from spatial.layers import GEOMETRIES, LayerSpec, Repair, layer_specs, typed, validate
from spatial.sources.encodings import _doubted, _guessed

SHIPPED = (
    "boundary", "buildings", "built_up_area", "communities", "districts", "elevation", "facilities", "gates", "green", "landuse", "parks",
    "population", "rail", "road_classes", "road_polygons", "roads", "sewers", "transit_stops", "walls", "water",
)  # fmt: skip


def test_the_shipped_layers() -> None:
    specs = layer_specs()
    assert tuple(specs) == SHIPPED
    for spec in specs.values():
        assert spec.title.zh != spec.title.en
        assert all(field.title.zh and field.title.en for field in spec.fields.values())
        assert spec.style["color"].startswith("#")
        alone = ("boundary", "built_up_area", "communities", "districts", "elevation", "population", "road_classes", "sewers")
        assert spec.osm or spec.name in alone
    assert specs["roads"].fields["highway"].required
    assert {name: spec.raster for name, spec in specs.items() if spec.raster} == {"elevation": "surface", "population": "counts"}
    assert [name for name, spec in specs.items() if spec.nodes_only] == ["gates"]


def frame(**columns: list[object]) -> gpd.GeoDataFrame:
    count = len(next(iter(columns.values())))
    lines = [shapely.LineString([(0, n), (1, n)]) for n in range(count)]
    return gpd.GeoDataFrame({"id": [f"w{n}" for n in range(count)], **columns}, geometry=lines, crs="EPSG:4551")


def test_fields_are_typed_and_what_cannot_be_read_is_counted() -> None:
    raw = frame(
        width=["7 m", "wide", None, "", 12], lanes=["2", "2;3", "-1", None, 4.0], name=["a", None, 7, 7.0, "b"], other=[1, 2, 3, 4, 5]
    )
    clean, repairs = typed(raw, layer_specs()["roads"])
    assert list(clean["width"].fillna(-1)) == [7.0, -1, -1, -1, 12.0]
    assert list(clean["lanes"].fillna(-1)) == [2, -1, -1, -1, 4]
    assert [value for value in clean["name"] if isinstance(value, str)] == ["a", "7", "7", "b"]
    assert "other" not in clean
    assert clean["surface"].isna().all()
    counted = {repair.what.en: (repair.count, repair.ids) for repair in repairs}
    assert counted == {
        "features whose width cannot be read as a length: taken as unknown": (1, ("w1",)),
        "features whose lanes cannot be read as a count: taken as unknown": (2, ("w1", "w2")),
    }


def test_typing_and_checking_leave_the_input_alone() -> None:
    raw = frame(width=["7 m"])
    before = raw.copy(deep=True)
    clean, _ = typed(raw, layer_specs()["roads"])
    validate(clean, layer_specs()["roads"], where="x", on_invalid="repair")
    assert raw.equals(before)


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_sound_geometry_passes_untouched(kind: str) -> None:
    shapes = {"point": shapely.Point(1, 1), "line": shapely.LineString([(0, 0), (1, 1)]), "polygon": shapely.box(0, 0, 1, 1)}
    kept = [shapes[kind]] if kind in shapes else list(shapes.values())
    raw = gpd.GeoDataFrame({"id": [str(n) for n in range(len(kept))]}, geometry=kept, crs="EPSG:4551")
    spec = LayerSpec("x", layer_specs()["parks"].title, kind)
    for policy in ("error", "repair", "drop"):
        clean, repairs = validate(raw, spec, where="x", on_invalid=policy)
        assert list(clean.geometry) == kept
        assert not repairs


def test_an_empty_frame_passes() -> None:
    raw = gpd.GeoDataFrame({"id": np.array([], dtype=object)}, geometry=[], crs="EPSG:4551")
    clean, repairs = validate(raw, layer_specs()["parks"], where="x", on_invalid="error")
    assert clean.empty
    assert not repairs


def test_a_users_own_layer(tmp_path: Path) -> None:
    folder = tmp_path / "layers"
    folder.mkdir()
    (folder / "schools.toml").write_text(
        'title = { zh = "学校", en = "Schools" }\ngeometry = "any"\n[osm]\nmatch = [{ amenity = ["school"] }]\n'
    )
    (folder / "parks.toml").write_text('title = { zh = "公园绿地", en = "Green parks" }\ngeometry = "polygon"\n')
    specs = layer_specs(tmp_path)
    assert specs["schools"].osm == ({"amenity": ["school"]},)
    assert specs["parks"].title.en == "Green parks"
    assert set(specs) == {*SHIPPED, "schools"}


def test_all_faults_of_all_declarations_are_told_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "layers"
    folder.mkdir()
    (folder / "one.toml").write_text('geometri = "polygon"')
    (folder / "two.toml").write_text('geometry = "polygon"\n[fields.name]\ntype = "txt"')
    with pytest.raises(ProjectError) as caught:
        layer_specs(tmp_path)
    said = str(caught.value)
    assert 'one.toml: unknown key "geometri"; did you mean "geometry"?' in said
    assert "one.toml: geometry must be one of point, line, polygon, any" in said
    assert "two.toml [fields.name]: type 'txt' is not one of" in said
    assert 'did you mean "text"?' in said


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('geometry = "raster"', "raster says what the cells hold, counts or surface, not None"),
        ('geometry = "any"\nraster = "heights"', "raster says what the cells hold, counts or surface, not 'heights'"),
        ('geometry = "raster"\nraster = "surface"\n[fields.name]\ntag = "name"', "a layer that is a raster has neither [osm] nor fields"),
        ('geometry = "line"\n[osm]\nmatch = [{ barrier = true }]\nnodes_only = true', "nodes_only is for a layer of points"),
        ('geometry = "point"\n[osm]\nmatch = [{ barrier = true }]\nnodes_only = "yes"', "nodes_only must be true or false"),
    ],
)
def test_declarations_of_rasters_and_nodes(tmp_path: Path, text: str, part: str) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "own.toml").write_text(text)
    with pytest.raises(ProjectError) as caught:
        layer_specs(tmp_path)
    assert part in str(caught.value)


def test_a_users_own_surface(tmp_path: Path) -> None:
    """Which kind a raster is stands in the declaration, not in the name."""
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "noise.toml").write_text('title = { zh = "噪声", en = "Noise" }\ngeometry = "raster"\nraster = "surface"\n')
    spec = layer_specs(tmp_path)["noise"]
    assert (spec.geometry, spec.raster) == ("raster", "surface")


def zigzag(lines: int) -> shapely.Polygon:
    """A ring of a few thousand corners whose edges cross some hundred thousand times."""
    across = [place for row in range(lines) for place in ((0.0, row / lines), (1.0, (row + 0.5) / lines))]
    down = [place for column in range(lines) for place in ((column / lines, 1.0), ((column + 0.5) / lines, 0.0))]
    return shapely.Polygon([(125.3 + 0.01 * x, 43.9 + 0.01 * y) for x, y in (*across, *down)])


def test_a_tangle_is_not_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[zigzag(300), shapely.box(125.3, 43.9, 125.31, 43.91)], crs="EPSG:4326")
    spec = layer_specs()["parks"]
    with pytest.raises(LayerError, match=r"1 of 2 geometries cross themselves more than 50,000 times \(ids a\)"):
        validate(frame, spec, where="parks", on_invalid="repair")
    with monkeypatch.context() as patch:
        patch.setattr(
            shapely,
            "make_valid",
            lambda given, **_: given if not len(given) else pytest.fail("mended what nobody asked for"),
            raising=False,
        )
        with pytest.raises(LayerError, match=r"1 of 2 geometries are invalid .*\(ids a\)"):
            validate(frame, spec, where="parks", on_invalid="error")
        assert list(validate(frame, spec, where="parks", on_invalid="drop")[0]["id"]) == ["b"]
    less = frame.assign(geometry=[zigzag(30), frame.geometry[1]])
    assert validate(less, spec, where="parks", on_invalid="repair")[0].geometry.is_valid.all()


def test_what_is_left_out_is_called_by_name() -> None:
    """A city that lost a district has to be told which."""
    given = gpd.GeoDataFrame(
        {"id": ["220101", "220112", "c"], "name": ["南关区", " 双阳区", None]},
        geometry=[shapely.box(0, 0, 1, 1), None, None],
        crs="EPSG:4551",
    )
    for policy in ("repair", "drop"):
        clean, (repair,) = validate(given, layer_specs()["districts"], where="x", on_invalid=policy)
        assert list(clean["id"]) == ["220101"]
        assert repair.text().en == "districts: features have no geometry: dropped: 2 (id 220112 双阳区, c)"
        assert repair.text().zh == "districts：没有几何的要素（已剔除），2 个（id 220112 双阳区, c）"


def test_what_is_counted_stands_before_its_number_in_chinese() -> None:
    """``，3 个`` follows: a sentence that begins with a measure word (``处文本按 …``) or ends in a verb is none."""
    root = Path(__file__).parents[1] / "spatial"
    written = "".join(path.read_text("utf-8") for path in sorted(root.rglob("*.py")))
    assert not re.search(r'Text\(\s*f?"[个处条](要素|文本|表)', written)
    for notice in (_guessed("gb18030", None), _guessed("gb18030", "ISO-8859-1"), _doubted("gbk")):
        assert re.search(r"文本（若显示有误，.*）$", notice.zh)
        assert Repair("districts", notice, 11).text().zh.endswith("），11 个")
