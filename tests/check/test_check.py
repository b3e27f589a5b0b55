"""What a check says of a small city whose every count can be seen on paper."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from spatial.check import check_project, page
from spatial.check.page import _width
from spatial.check.report import Report
from spatial.cli import main
from spatial.project import open_city
from spatial.text import Text
from tests.small_city import parks, project, square

BOWTIE = shapely.Polygon([(125.301, 43.901), (125.303, 43.903), (125.303, 43.901), (125.301, 43.903)])


def frame(*geometry: Any, **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=list(geometry), crs="EPSG:4326")


def table(report: Report, key: str) -> pd.DataFrame:
    return pd.DataFrame(next(found for found in report.tables if found.key == key).rows)


def said(report: Report, level: str) -> str:
    return "\n".join(f"[{finding.about}] {finding.text.en}" for finding in report.of(level))  # type: ignore[arg-type]


def test_a_sound_city_has_no_problem_and_its_facts_are_those_on_paper(tmp_path: Path) -> None:
    """Four districts; the primary street lies on a common edge, the secondary too, the residential one in the first district."""
    report = check_project(project(tmp_path, osm=True))
    assert not report.of("problem")
    layers = table(report, "layers").set_index("layer")
    assert layers.loc["roads", "features"] == 3
    assert layers.loc["districts", ["features", "covered_city", "origin"]].tolist() == [4, 1.0, "local"]
    areas = table(report, "areas").set_index("area_id")
    assert areas.loc["city", ["roads", "buildings", "green"]].tolist() == [3, 2, 1]
    assert areas["buildings"].tolist() == [1, 0, 0, 1, 2]
    assert areas["covered"].tolist() == pytest.approx([1] * 5, abs=1e-6)
    roads = table(report, "roads").iloc[-1]
    assert roads["km"] == pytest.approx(1.609 + 2.223 + 1.111, rel=2e-3)
    assert roads["width"] == pytest.approx(1.609 / 4.943, rel=2e-3)  # the primary street
    assert roads["lanes"] == pytest.approx(2.223 / 4.943, rel=2e-3)  # the secondary street
    assert roads["name"] == pytest.approx(3.832 / 4.943, rel=2e-3)
    assert table(report, "edits").to_dict("records") == [{"year": "2024", "count": 11, "share": 1.0}]
    assert table(report, "scopes")["state"].iloc[0].en == "estimated"


def test_what_the_metrics_will_say_is_what_a_run_says(tmp_path: Path) -> None:
    path = project(tmp_path, osm=True)
    foreseen = table(check_project(path), "metrics").set_index("metric")
    assert main(["run", str(path), "--quiet", "--out", str(tmp_path / "result")]) == 0
    rows = pd.read_csv(tmp_path / "result" / "metrics.csv", dtype=str, keep_default_na=False)
    metrics = json.loads((tmp_path / "result" / "run.json").read_text(encoding="utf-8"))["metrics"]
    assert sorted(foreseen.index) == metrics
    for name, row in foreseen.iterrows():
        mine = rows[(rows["metric"] == name) & (rows["variant"] == ("" if pd.isna(row["variant"]) else row["variant"]))]
        assert mine.loc[mine["area_id"] == "city", "status"].item() == row["city"]
        districts = mine[mine["area_id"].str.startswith("2201")]["status"].value_counts()
        assert {key: row[key] for key in ("ok", "estimated", "partial", "no_data")} == {
            key: districts.get(key, 0) for key in ("ok", "estimated", "partial", "no_data")
        }
    assert foreseen.loc["population", "why"].en == "layer population was not supplied"


def test_every_fault_is_gathered_and_the_sound_layers_are_looked_at(tmp_path: Path) -> None:
    """One invalid layer, one absent file: both told, and the parks that can be read are counted."""
    path = project(
        tmp_path,
        '[layers.water]\nfile = "data/water.parquet"\n[layers.rail]\nfile = "data/absent.gpkg"',
        layers={"parks": parks()},
        osm=True,
    )
    frame(BOWTIE, name=["w"]).to_parquet(tmp_path / "data" / "water.parquet")
    report = check_project(path)
    assert len(report.of("problem")) == 2
    assert "[water]" in said(report, "problem")
    assert "1 of 1 geometries are invalid" in said(report, "problem")
    assert "[rail]" in said(report, "problem")
    assert "no such file" in said(report, "problem")
    assert table(report, "layers").set_index("layer").loc["parks", "features"] == 2
    assert "metrics" not in {found.key for found in report.tables}
    assert main(["check", str(path), "--quiet"]) == 3


def test_a_ledger_in_another_zone_is_a_problem(tmp_path: Path) -> None:
    """Every place lies in Tibet: no fault of single rows. With one of them in the city it is a note that counts the others."""
    said_ = 'file = "data/ledger.csv"\ndate = "2025-06-30"\ncrs = "EPSG:4326"\n'
    path = project(tmp_path, f"[ledger]\n{said_}", osm=True)
    rows = ["id,name,type,status,x,y", "1,甲,口袋公园,已竣工,91.1,29.6", "2,乙,口袋公园,已竣工,91.2,29.6", "3,丙,口袋公园,已竣工,,"]
    (tmp_path / "data" / "ledger.csv").write_text("\n".join(rows), encoding="utf-8")
    report = check_project(path)
    assert "[ledger] ledger: every row that has a place lies outside the city; check crs, datum" in said(report, "problem")
    assert "every row that has a place lies outside" in " ".join(notice.en for notice in open_city(path).notices)
    (tmp_path / "data" / "ledger.csv").write_text("\n".join([*rows, "4,丁,口袋公园,已竣工,125.305,43.905"]), encoding="utf-8")
    report = check_project(path)
    assert not report.of("problem")
    assert "2 of 4 rows are left out (it lies outside the city: 2)" in said(report, "note")


def test_a_broken_city_toml_is_one_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(tmp_path, "nonsense = 1", osm=True)
    assert main(["check", str(path), "--quiet", "--lang", "en"]) == 3
    assert "nonsense" in capsys.readouterr().out


def test_a_map_that_cannot_be_drawn_is_told_before_anything_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(tmp_path, osm=True)
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "overview.toml").write_text('[overlays.mine]\nlayer = "rail"\n', encoding="utf-8")
    assert "overlays.mine needs style" in said(check_project(path), "problem")
    assert main(["run", str(path)]) == 2
    assert "read" not in capsys.readouterr().err.split("error:")[0]


@pytest.mark.parametrize(("name", "level"), [("population", "problem"), ("parks", "note")])
def test_the_same_shape_twice(tmp_path: Path, name: str, level: str) -> None:
    """People drawn twice count twice: a problem. A park drawn twice is one surface: worth a note."""
    twice = frame(square(0.1, 0.1, 0.5), square(0.1, 0.1, 0.5).reverse(), square(1.1, 0.1, 0.5), count=[100, 100, 50])
    report = check_project(project(tmp_path, layers={name: twice}, osm=True))
    assert f"[{name}] 1 of 3 features have the very geometry of another (ids 2)" in said(report, level)


def test_people_where_nobody_mapped_a_building(tmp_path: Path) -> None:
    """2,000 people in each of the districts 1, 2 and 4, buildings in 1 and 4 only; the second is told."""
    people = frame(*(square(column, row) for row in (0, 1) for column in (0, 1)), count=[2000, 2000, 10, 2000])
    report = check_project(project(tmp_path, layers={"population": people}, osm=True))
    assert "[population] 朝阳区: more than five times the median" in said(report, "warning")
    assert table(report, "people")["people"].tolist() == pytest.approx([2000, 2000, 10, 2000, 6010], rel=1e-6)


def test_a_district_whose_facilities_nobody_mapped(tmp_path: Path) -> None:
    """Eight pharmacies for each 10,000 in three districts, none in the fourth."""
    people = frame(*(square(column, row) for row in (0, 1) for column in (0, 1)), count=[10_000] * 4)
    spots = [
        shapely.Point(125.30 + 0.01 * c + 0.001 * n, 43.90 + 0.01 * r + 0.005) for c, r in ((0, 0), (1, 0), (0, 1)) for n in range(1, 9)
    ]
    shops = frame(*spots, amenity=["pharmacy"] * 24, name=[f"药店{n}" for n in range(24)])
    report = check_project(project(tmp_path, layers={"population": people, "facilities": shops}, osm=True))
    row = table(report, "facilities").set_index("class").loc["pharmacy"]
    assert row["count"] == 24
    assert row["far_below"] == "绿园区"
    assert row["by_area"]["220101"] == {"count": 8, "per_10000": pytest.approx(8.0, rel=1e-6)}
    assert "pharmacy: 绿园区 have less than a fifth" in said(report, "warning")


def test_areas_that_the_data_do_not_cover(tmp_path: Path) -> None:
    path = project(tmp_path, osm=True)
    text = path.read_text(encoding="utf-8").replace('name = "试城"', 'name = "试城"\ndata_extent = [125.30, 43.90, 125.315, 43.91]')
    path.write_text(text, encoding="utf-8")
    report = check_project(path)
    assert "1 areas are covered in part and will be partial: 朝阳区 50%" in said(report, "warning")
    assert "2 areas are not touched by the data and will be no_data: 宽城区, 绿园区" in said(report, "warning")


def test_a_file_name_that_contradicts_the_declared_datum(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks_gcj02.geojson"', osm=True)
    (tmp_path / "data" / "parks_gcj02.geojson").write_text(parks().to_json(), encoding="utf-8")
    assert "[parks] the name parks_gcj02.geojson says gcj02, it is read as wgs84" in said(check_project(path), "warning")


def test_the_json_is_json_and_holds_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(tmp_path, osm=True)
    assert main(["check", str(path), "--json", "--quiet"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["problems"] == 0
    assert content["warnings"] == len([finding for finding in content["findings"] if finding["level"] == "warning"])
    assert {"layers", "areas", "roads", "facilities", "edits", "scopes", "metrics"} <= set(content["tables"])
    assert content["tables"]["areas"][0]["area_id"] == "220101"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_columns_stand_below_their_titles_and_nothing_is_obeyed_by_a_terminal(tmp_path: Path, lang: Any) -> None:
    """Names with an escape sequence, a line break and a mark of direction, in a city of Chinese names."""
    named = frame(square(0, 0), square(1, 0), adcode=["1", "2"], name=["\x1b[31m红\n色", "abc\u202edef"])
    path = project(tmp_path, osm=True)
    (tmp_path / "data" / "districts.geojson").write_text(named.to_json(drop_id=True), encoding="utf-8")
    text = page(check_project(path), lang)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e]", text)
    lines = text.split("\n")
    start = next(number for number, line in enumerate(lines) if line.startswith(("各区：", "Areas:"))) + 1
    rows = lines[start : start + 4]
    assert len({_width(row) for row in rows}) == 1, rows  # the last column is right-aligned: every row ends in the same place


def test_a_check_writes_nothing_but_the_cache(tmp_path: Path) -> None:
    path = project(tmp_path, osm=True)
    before = {entry for entry in tmp_path.rglob("*") if ".spatial-cache" not in entry.parts}
    check_project(path)
    assert {entry for entry in tmp_path.rglob("*") if ".spatial-cache" not in entry.parts} == before


def test_repaired_copies_are_what_repairing_on_reading_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bow-tie is rebuilt, a row without geometry and a repeated row are left out; the inputs stay as they were."""
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.geojson"', osm=True)
    shapes = [square(0.1, 0.1, 0.1), BOWTIE, square(1.5, 0.5, 0.1), square(1.5, 0.5, 0.1), None]
    drawn = frame(*shapes, name=["a", "b", "c", "c", "=1+1"], owner=["x", "y", "z", "z", "w"])
    source = tmp_path / "data" / "parks.geojson"
    source.write_text(drawn.to_json(drop_id=True), encoding="utf-8")
    before = source.read_bytes()
    assert main(["check", str(path), "--repair", "--quiet", "--lang", "en"]) == 3
    told = capsys.readouterr().err
    assert "parks: 3 changes" in told
    assert 'in [layers.parks] replace the line of file by file = "out/repaired/parks.gpkg"' in told
    assert source.read_bytes() == before
    copy = gpd.read_file(tmp_path / "out" / "repaired" / "parks.gpkg")
    assert copy["owner"].tolist() == ["x", "y", "z"]
    assert copy.is_valid.all()
    changes = pd.read_csv(tmp_path / "out" / "repaired" / "changes.csv", dtype=str, keep_default_na=False)
    assert changes[["row", "change", "why"]].to_numpy().tolist() == [
        ["2", "rebuilt", "invalid: Self-intersection"],
        ["4", "left out", "alike an earlier row in every column"],
        ["5", "left out", "no geometry"],
    ]
    path.write_text(path.read_text(encoding="utf-8").replace("data/parks.geojson", "out/repaired/parks.gpkg"), encoding="utf-8")
    assert not check_project(path).of("problem")
    city = open_city(path)
    assert city.frame("parks").area.sum() == pytest.approx(
        open_city(_with_policy(tmp_path, path)).frame("parks").iloc[[0, 1, 2]].area.sum(), rel=1e-9
    )


def _with_policy(folder: Path, path: Path) -> Path:
    other = folder / "repairing.toml"
    text = path.read_text(encoding="utf-8").replace("out/repaired/parks.gpkg", "data/parks.geojson")
    other.write_text(text + '\non_invalid = "repair"\n', encoding="utf-8")
    return other


def test_repair_replaces_its_own_folder_and_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(tmp_path, osm=True, layers={"parks": parks()})
    assert main(["check", str(path), "--repair", "--quiet", "--lang", "en"]) == 0
    assert "no geometry to repair" in capsys.readouterr().err
    assert main(["check", str(path), "--repair", "--quiet"]) == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.docx").write_text("x", encoding="utf-8")
    for folder in ("mine", "data"):
        kept = sorted((tmp_path / folder).iterdir())
        assert main(["check", str(path), "--repair", "--out", str(tmp_path / folder), "--quiet"]) == 4
        assert sorted((tmp_path / folder).iterdir()) == kept
    assert main(["check", str(path), "--out", "x"]) == 2


def test_what_came_into_the_folder_of_a_repair_is_never_removed(tmp_path: Path) -> None:
    path = project(tmp_path, osm=True, layers={"parks": parks()})
    assert main(["check", str(path), "--repair", "--quiet"]) == 0
    note = tmp_path / "out" / "repaired" / "my notes.txt"
    note.write_text("x", encoding="utf-8")
    assert main(["check", str(path), "--repair", "--quiet"]) == 4
    note.unlink()
    changes = tmp_path / "out" / "repaired" / "changes.csv"
    changes.write_text(changes.read_text(encoding="utf-8") + "mine\n", encoding="utf-8")
    assert main(["check", str(path), "--repair", "--quiet"]) == 4
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "changes.csv").write_text("layer,file\n", encoding="utf-8")
    assert main(["check", str(path), "--repair", "--quiet", "--out", str(folder)]) == 4
    assert (folder / "changes.csv").read_text(encoding="utf-8") == "layer,file\n"


def test_two_flats_of_one_house_are_two(tmp_path: Path) -> None:
    """Points at one place with ids of their own are people of one house: worth a note, and no repair drops one."""
    spots = frame(*[shapely.Point(125.305, 43.905)] * 2, key=["a", "b"], count=[3, 3])
    path = project(tmp_path, '[layers.population]\nfile = "data/p.geojson"\nid = "key"', osm=True)
    (tmp_path / "data" / "p.geojson").write_text(spots.to_json(drop_id=True), encoding="utf-8")
    report = check_project(path)
    assert "[population] 1 of 2 features have the very geometry of another" in said(report, "note")
    assert main(["check", str(path), "--repair", "--quiet"]) == 0
    assert not (tmp_path / "out" / "repaired" / "population.gpkg").exists()


def test_a_layer_in_another_city_is_a_problem_and_the_page_goes_on(tmp_path: Path) -> None:
    """Parks 300 km away: told, and roads, areas and language are there all the same; in Chinese, with the reason before the English."""
    away = frame(shapely.box(121.0, 41.0, 121.1, 41.1))
    report = check_project(project(tmp_path, layers={"parks": away}, osm=True))
    assert [finding.about for finding in report.of("problem")] == ["parks"]
    assert report.lang == "zh"
    assert "图层不在本市范围内" in report.of("problem")[0].text.zh
    assert table(report, "roads")["km"].iloc[-1] > 4
    assert str(table(report, "layers").set_index("layer").loc["parks", "origin"]) == str(Text("未能读取", "not read"))


def test_facilities_of_which_none_is_of_a_known_class(tmp_path: Path) -> None:
    shops = frame(shapely.Point(125.305, 43.905), shapely.Point(125.306, 43.905), name=["a", "b"], kind=["餐饮", "餐饮"])
    report = check_project(project(tmp_path, layers={"facilities": shops}, osm=True))
    assert "[facilities] none of 2 features belongs to a class" in said(report, "problem")


def test_land_use_in_words_of_its_own(tmp_path: Path) -> None:
    land = frame(square(0, 0), landuse=["居住用地"])
    assert "no class of landuse is known (居住用地)" in said(
        check_project(project(tmp_path, layers={"landuse": land}, osm=True)), "problem"
    )


def test_areas_of_one_name_and_points_without_a_datum(tmp_path: Path) -> None:
    twice = frame(square(0, 0), square(1, 0), adcode=["1", "2"], name=["朝阳区", "朝阳区"])
    path = project(tmp_path, layers={"transit_stops": frame(shapely.Point(125.305, 43.905), railway=["station"])}, osm=True)
    (tmp_path / "data" / "districts.geojson").write_text(twice.to_json(drop_id=True), encoding="utf-8")
    report = check_project(path)
    assert "areas bear the same name: 朝阳区" in said(report, "warning")
    assert "transit_stops: no datum is declared, and streets cannot tell it" in said(report, "warning")


def test_a_long_table_is_cut_on_the_page_and_whole_in_json(tmp_path: Path) -> None:
    report = check_project(project(tmp_path, osm=True), by="grid:100")
    assert len(table(report, "areas")) > 300
    assert len(page(report, "en").split("\n")) < 250
    assert "rows more: see --json" in page(report, "en")


def test_a_grid_that_is_none_is_told_as_a_run_tells_it(tmp_path: Path) -> None:
    assert "is neither a layer nor a grid such as grid:500" in said(check_project(project(tmp_path, osm=True), by="grid500"), "problem")


def test_a_layer_that_no_repair_can_save_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.gpkg"', osm=True)
    (tmp_path / "data" / "parks.gpkg").write_bytes(b"SQLite format 3\x00 not at all")
    assert main(["check", str(path), "--repair", "--quiet", "--lang", "en"]) == 3
    assert "not repaired: parks: " in capsys.readouterr().err
