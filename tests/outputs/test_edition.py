"""The public edition: what stays, what leaves, that nothing withheld is in any byte of it, and when it is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely

from spatial.city import City
from spatial.cli import main, run_project
from spatial.errors import OptionError, OutputError, ProjectError
from spatial.measurement import measure
from spatial.outputs.edition import published
from spatial.outputs.generalised import generalised, generalised_areas, on_grid
from spatial.outputs.release import above, released, rules_of
from spatial.progress import Progress
from spatial.result import Results
from tests.outputs.planned_city import planned_results, standing, target_row
from tests.outputs.secret_city import SECRETS, contents, secret_project, traces, vertices
from tests.outputs.served_city import served_results
from tests.outputs.test_maps import METRICS, payload_of, small_city
from tests.spatial_process import spatial

CRS = "EPSG:4551"


def run(project: Path, edition: str = "public", **options: Any) -> Path:
    said: dict[str, Any] = {"out": None, "force": False, "metrics": None, "by": "districts", "lang": "zh", "cache": False}
    return run_project(project, **{**said, **options}, progress=Progress(), edition=edition)[0].parent


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A public and an internal run of the project with planted secrets."""
    project = secret_project(tmp_path_factory.mktemp("secret"))
    return run(project), run(project, edition="")


def found(folder: Path, words: Any) -> list[str]:
    return [f"{word!r} in {name}" for name, part in contents(folder).items() for word in words if word in part]


# ---- nothing above the level


def test_no_planted_word_is_in_any_file(folders: tuple[Path, Path]) -> None:
    public, internal = folders
    words = [b"PLANT", "PLANT".encode("utf-16-le"), b"gas_stores"]
    assert found(public, words) == []
    # The search sees what an internal run holds, in every kind of file that can hold it.
    seen = {place.split(" in ")[1].split("/")[0] for place in found(internal, words)}
    assert {"map.html", "city.gpkg", "metrics.xlsx", "run.json", "tasks.csv"} <= seen


@pytest.mark.parametrize("of", sorted(SECRETS))
def test_no_planted_place_is_in_any_file(folders: tuple[Path, Path], of: str) -> None:
    public, internal = folders
    words = {mark: how for place in SECRETS[of][1:] for how, mark in traces(place, CRS).items()}
    assert found(public, words) == []
    if of in ("parks", "ledger"):  # an internal run draws them; secret ones it draws neither
        assert found(internal, words)


def test_no_vertex_of_the_page_lies_at_a_planted_place(folders: tuple[Path, Path]) -> None:
    near = {}
    for folder in folders:
        drawn = np.array(vertices((folder / "map.html").read_text(encoding="utf-8")))
        assert len(drawn) > 20
        places = {of: np.array(said[1:]) for of, said in SECRETS.items()}
        near[folder] = {of: min(np.hypot(*(drawn - place).T).min() for place in at) for of, at in places.items()}
    public, internal = (near[folder] for folder in folders)
    assert all(distance > 2e-4 for distance in public.values())  # 20 m
    assert internal["parks"] < 1e-5
    assert internal["ledger"] < 1e-5


def test_run_json_tells_the_edition_and_nothing_of_what_is_withheld(folders: tuple[Path, Path]) -> None:
    public, internal = (json.loads((folder / "run.json").read_text(encoding="utf-8")) for folder in folders)
    assert public["edition"] == public["options"]["edition"] == "public"
    assert "edition" not in internal
    assert "steps" in internal
    assert "steps" not in public  # they name every layer that was read
    kept = {entry["layer"] for entry in public["inputs"]}
    assert {"osm", "districts", "population", "plans.trial", "withheld"} <= kept
    assert not kept & {"sewers", "gas_stores", "parks", "ledger"}
    (mark,) = [entry for entry in public["inputs"] if entry["layer"] == "withheld"]
    assert mark["file"] == ""
    assert len(mark["sha256"]) == 4
    assert not set(public["layers"]) & {"sewers", "gas_stores", "parks"}
    assert "sewer_coverage" not in public["metrics"]
    assert "road_network_density" in public["metrics"]


def test_folders_and_pointers_tell_the_edition(folders: tuple[Path, Path]) -> None:
    public, internal = folders
    assert public.name.endswith("-public")
    assert not internal.name.endswith("-public")
    pointers = {path.name: json.loads(path.read_text())["run"] for path in public.parent.glob("*.json")}
    assert pointers == {"latest.json": internal.name, "latest-public.json": public.name}


def test_neither_edition_replaces_the_other(folders: tuple[Path, Path]) -> None:
    public, internal = folders
    project = public.parents[1] / "city.toml"
    with pytest.raises(OutputError, match="no edition for the public"):
        run(project, out=internal)
    with pytest.raises(OutputError, match='edition "public"'):
        run(project, edition="", out=public)


def test_two_public_runs_have_the_same_tables_and_map(folders: tuple[Path, Path], tmp_path: Path) -> None:
    public, _ = folders
    again = run(public.parents[1] / "city.toml", out=tmp_path / "again")
    for name in ("metrics.csv", "metrics.parquet", "targets.csv", "map.html", "city.gpkg"):
        assert (again / name).read_bytes() == (public / name).read_bytes()


# ---- what of the figures stays


def test_figures_that_rest_on_internal_layers_stay_for_areas_and_secret_ones_go(folders: tuple[Path, Path]) -> None:
    public, internal = (pd.read_parquet(folder / "metrics.parquet") for folder in folders)
    key = ["metric", "variant", "area_id"]
    both = public.merge(internal, on=key, suffixes=("", "_internal"))
    assert len(both) == len(public)
    same = np.isclose(both["value"], both["value_internal"], equal_nan=True)
    assert same.all()  # a figure of one name is the same in both, or is not there
    assert "sewer_coverage" not in set(public["metric"])
    parks = public[public["metric"] == "park_area_per_capita"]
    assert len(parks)
    assert parks["value"].notna().any()
    assert set(parks["note"]) == {"依据未公开资料统计，仅公布分区数值"}
    roads = public[public["metric"] == "road_network_density"]
    assert "未公开" not in " ".join(roads["note"])


def test_evidence_and_layers_that_stay(folders: tuple[Path, Path]) -> None:
    public, _ = folders
    layers = {name for name, kind in pyogrio.list_layers(public / "city.gpkg")}
    assert {"areas", "totals", "roads", "metrics", "about"} <= layers
    assert not [name for name in layers if any(word in name for word in ("park", "people", "cells", "task", "population", "building"))]
    roads = pyogrio.read_dataframe(public / "city.gpkg", layer="roads")
    assert set(roads["highway"]) == {"primary", "secondary"}  # the residential street is of the large scale
    assert not {"width", "lanes", "surface"} & set(roads.columns)
    about = dict(pyogrio.read_dataframe(public / "city.gpkg", layer="about", read_geometry=False).to_numpy())
    assert about["sensitivity"] == "public"
    assert about["notice_1"].startswith("公开版")


def test_targets_that_rest_on_what_is_not_public(folders: tuple[Path, Path]) -> None:
    public, internal = (pd.read_csv(folder / "targets.csv") for folder in folders)
    assert set(internal["target_id"]) == {"P1", "P2", "P3"}
    of = public[public["area_id"] == "city"].set_index("target_id")
    before = internal[internal["area_id"] == "city"].set_index("target_id")
    assert set(of.index) == {"P1", "P2", "P3"}
    assert list(of["status"]) == list(before.loc[of.index, "status"])
    assert of.loc["P3", ["lead_unit", "projects"]].isna().all()
    assert len(pd.read_csv(folders[0] / "tasks.csv")) == 0
    assert len(pd.read_csv(folders[1] / "tasks.csv")) == 2


def test_the_page_says_what_it_is(folders: tuple[Path, Path]) -> None:
    for lang, said in (("zh", "公开版"), ("en", "Public edition")):
        page = payload_of((folders[0] / "map.html").read_text(encoding="utf-8"), lang)
        assert page["city"]["edition"].startswith(said)
        assert page["city"]["stamp"] == ""
        assert page["notices"][0].startswith(said)
        assert "OpenStreetMap contributors, ODbL" in " ".join(page["attribution"])
    assert '"maxZoom": 15' in (folders[0] / "map.html").read_text(encoding="utf-8")
    assert payload_of((folders[1] / "map.html").read_text(encoding="utf-8"))["city"]["stamp"]


# ---- refused


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"approved": False}, "approval number"),
        ({"text": '[layers.boundary]\nfile = "data/districts.geojson"\nsensitivity = "internal"'}, "the layer boundary, .* is internal"),
        (
            {"text": '[layers.boundary]\nfile = "data/districts.geojson"\nsource = "OpenStreetMap, ODbL"'},
            "boundary: outlines from OpenStreetMap",
        ),
        ({"small": False}, "below the square of 1,000 m"),
    ],
)
def test_refused_with_a_remedy(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said) as told:
        run(secret_project(tmp_path, **change))
    assert ";" in str(told.value)
    assert not (tmp_path / "out").exists()


def test_every_reason_is_told_at_once(tmp_path: Path) -> None:
    project = secret_project(tmp_path, approved=False, small=False)
    done = spatial("run", project, "--edition", "public", "--quiet")
    assert done.returncode == 2
    assert "approval number" in done.stderr
    assert "below the square" in done.stderr


def test_areas_that_are_not_public(tmp_path: Path) -> None:
    project = secret_project(tmp_path)
    project.write_text(
        project.read_text(encoding="utf-8").replace('name = "name"\nsensitivity = "public"', 'name = "name"\nsensitivity = "secret"', 1),
        encoding="utf-8",
    )
    with pytest.raises(OptionError, match="the layer districts, whose outlines would be drawn, is secret"):
        run(project)


def test_what_nobody_has_called_public_is_not_published(tmp_path: Path) -> None:
    """The default is public; whoever forgets to state it for a ledger must not find it on a page."""
    project = secret_project(tmp_path)
    said = project.read_text(encoding="utf-8")
    forgotten = (
        said.replace('sensitivity = "internal"\n', "").replace('sensitivity = "public"\n', "").replace('sensitivity = "secret"\n', "")
    )
    project.write_text(forgotten, encoding="utf-8")
    with pytest.raises(OptionError, match=r"does not say who may see \[layers.districts\], .*\[ledger\].*; write sensitivity = ") as told:
        run(project)
    assert "[layers.sewers]" not in str(told.value)  # which is never public
    project.write_text(said.replace('crs = "EPSG:4326"\nsensitivity = "internal"', 'crs = "EPSG:4326"'), encoding="utf-8")
    with pytest.raises(OptionError, match=r"does not say who may see \[ledger\];"):
        run(project)
    assert run(project, edition="", metrics=["road_network_density"]).exists()  # a working map asks for nothing
    project.write_text(f'synthetic = "made up"\n{forgotten}', encoding="utf-8")
    assert run(project, metrics=["road_network_density"]).name.endswith("-public")


@pytest.mark.parametrize(
    ("tiles", "said"),
    [
        ("https://tile.openstreetmap.org/{z}/{x}/{y}.png", "shows OpenStreetMap"),
        ("https://a.tile.OpenStreetMap.fr./hot/{z}/{x}/{y}.png", "shows OpenStreetMap"),
        ("http://10.1.2.3/{z}/{x}/{y}.png?key=PLANT-KEY", "a server of your own network"),
    ],
)
def test_a_base_map_that_no_public_page_may_have(tmp_path: Path, tiles: str, said: str) -> None:
    project = secret_project(tmp_path)
    text = project.read_text(encoding="utf-8").replace("[map]\n", f"[map]\nbase_map = '{tiles}'\nbase_map_attribution = 'x'\n")
    project.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=said) as told:
        run(project)
    assert "PLANT-KEY" not in str(told.value)


def test_an_edition_without_a_name_is_no_internal_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a script calls it whose variable is empty."""
    project = secret_project(tmp_path)
    for command in ("run", "map"):
        assert main([command, str(project), "--edition", "", "--quiet"]) == 2
        assert '--edition "" is not known' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_fine_grid_is_refused_and_a_coarse_one_is_not(tmp_path: Path) -> None:
    project = secret_project(tmp_path, small=False)
    with pytest.raises(OptionError, match=r"--by grid:1000 or coarser"):
        run(project, by="grid:500")
    assert run(project, by="grid:1000", metrics=["road_network_density"]).name.endswith("-public")


def test_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="nothing is left to publish"):
        run(secret_project(tmp_path), metrics=["sewer_coverage"])


def test_an_edition_of_another_name(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r'--edition "pubic" is not known.*"public"'):
        run(secret_project(tmp_path), edition="pubic")


def test_rules_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "editions.toml").write_text(
        '[public]\ngrid_m = 0\nmax_zoom = true\nlayers = "roads"\ncolour = 1\nat_least = { sewers = "hidden" }\n', encoding="utf-8"
    )
    with pytest.raises(ProjectError) as told:
        rules_of(tmp_path)
    for said in ("grid_m must be", "max_zoom must be", "layers must be a list", 'unknown key "colour"', "at_least names layers"):
        assert said in str(told.value)


# ---- in memory


def with_level(city: City, **levels: str) -> City:
    layers = {name: replace(layer, sensitivity=levels.get(name, layer.sensitivity)) for name, layer in city.layers.items()}
    return replace(city, layers=MappingProxyType(layers), synthetic="made up", _memory={})


def test_a_city_without_anything_withheld_is_measured_once() -> None:
    city = with_level(small_city(["a", "b", "c", "d"]))
    assert released(city, "districts") is city
    results = measure(city, METRICS)
    left, said = published(results)
    assert said is None
    pd.testing.assert_frame_equal(left.table, results.table)
    assert left.edition == "public"
    assert left.notices[0].en.startswith("Public edition")


def test_a_layer_of_pipes_is_never_public() -> None:
    pipes = gpd.GeoDataFrame({"name": ["x"]}, geometry=[shapely.LineString([(450_100, 3_100_100), (450_400, 3_100_100)])], crs="EPSG:32628")
    city = with_level(small_city(["a", "b"], sewers=pipes))
    assert city.layers["sewers"].sensitivity == "public"
    assert above(city, "public") == {"sewers"}
    left, _ = published(measure(city, ["sewer_coverage", "road_network_density"]))
    assert left.city.layers["sewers"].frame is None
    assert "sewer_coverage.gaps" not in left.evidence


def test_an_internal_figure_leaves_where_one_area_is_small() -> None:
    city = with_level(small_city(["a", "b", "c"]), parks="internal")
    frame = city.layers["districts"].frame.copy()
    frame.loc[2, "geometry"] = shapely.box(452_000, 3_100_000, 452_300, 3_100_300)  # 300 m: the figure would be that of one place
    layers = {**city.layers, "districts": replace(city.layers["districts"], frame=frame)}
    results = measure(
        replace(city, layers=MappingProxyType(layers), _memory={}), ["built_up_green_rate", "road_network_density", "park_service_coverage"]
    )
    left, _ = published(results)
    assert "park_service_coverage" not in left.metrics
    assert "road_network_density" in left.metrics


def test_no_residents_by_place_and_services_by_name() -> None:
    results = served_results()
    results = replace(results, city=replace(with_level(results.city), _memory={}))
    with_people = [key for key, frame in results.evidence.items() if "people" in frame]
    assert with_people
    left, _ = published(_on_large_areas(results))
    assert not [key for key, frame in left.evidence.items() if "people" in frame]
    assert left.evidence["school_coverage.sites"]["name"].notna().any()
    assert left.city.layers["population"].frame is None
    assert left.city.layers["population"].origin == "local"  # it is said where the figures come from


def _on_large_areas(results: Results) -> Results:
    return replace(results, areas=replace(results.areas, whole=shapely.buffer(results.areas.whole, 0)))


def test_records_of_a_public_ledger_stay_without_papers() -> None:
    results = planned_results("zh")
    results = replace(results, city=replace(results.city, synthetic="made up", _memory={}))
    made = standing([target_row()])
    left, said = published(results, judge=lambda city, given, day: made)
    assert said is not None
    assert left.city.ledger is not None
    assert len(said.tasks) == len(made.tasks)
    assert set(said.tasks["acceptance"]) == {""}
    assert set(made.tasks["acceptance"]) > {""}
    assert len(said.left_out) == 0
    for shape in left.city.ledger.frame.geometry.dropna():
        assert np.allclose(shapely.get_coordinates(shape) % 10, 0)


def test_targets_of_a_draft_plan_leave() -> None:
    results = planned_results("zh")
    results = replace(results, city=replace(results.city, synthetic="made up", _memory={}))
    made = standing([target_row()])
    draft = replace(made, plans={name: replace(plan, standing="draft") for name, plan in made.plans.items()})
    _, said = published(results, judge=lambda city, given, day: draft)
    assert said is not None
    assert said.plans == {}
    assert len(said.targets) == 0


# ---- geometry


def test_everything_lies_on_the_grid_and_neighbours_keep_their_edge() -> None:
    west = shapely.Polygon([(0, 0), (1003, 0), (1003, 997), (500, 1000.4), (0, 997)])
    east = shapely.Polygon([(1003, 0), (2001, 0), (2001, 997), (1003, 997)])
    north = shapely.Polygon([(0, 997), (500, 1000.4), (1003, 997), (2001, 997), (2001, 2003), (0, 2003)])
    shapes = [shapely.transform(shape, lambda xy: xy + np.array([450_000, 3_100_000])) for shape in (west, east, north)]
    frame = gpd.GeoDataFrame({"id": list("abc"), "area_id": list("abc"), "name": list("abc")}, geometry=shapes, crs="EPSG:32628")
    city = City.from_layers("x", crs="EPSG:32628", districts=frame)
    made = generalised_areas(city.areas(), 10.0)
    for shape in made.whole:
        assert shapely.is_valid(shape)
        assert np.allclose(shapely.get_coordinates(shape) % 10, 0)
    assert shapely.coverage_is_valid(made.whole[:3])
    assert shapely.equals(made.whole[3], shapely.union_all(made.whole[:3]))


def test_what_is_smaller_than_the_grid_is_left_out_and_what_has_no_place_stays() -> None:
    shapes = [shapely.box(3, 3, 4, 4), shapely.box(0, 0, 103, 98), shapely.LineString([(1, 1), (2, 2)]), shapely.Point(14, 26), None]
    left = generalised(gpd.GeoDataFrame({"id": list("abcde")}, geometry=shapes, crs="EPSG:32628"), 10.0)
    assert list(left["id"]) == ["b", "d", "e"]
    assert left.geometry.iloc[0].equals(shapely.box(0, 0, 100, 100))
    assert (left.geometry.iloc[1].x, left.geometry.iloc[1].y) == (10, 30)
    assert left.geometry.iloc[2] is None
    assert shapely.get_precision(on_grid(np.array([shapely.box(0, 0, 103, 98)], object), 10.0))[0] == 0
