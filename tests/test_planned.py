"""A project with a ledger: from city.toml to numbers, files of the run, notices, errors."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from spatial.city_toml import parse_project
from spatial.errors import LayerError, OptionError, ProjectError, SourceError
from spatial.files import fingerprint
from spatial.measurement import measure
from spatial.metrics import registered
from spatial.project import open_city, read_ledger
from tests.small_city import districts, square

# South-west corner 125.30, 43.90; districts of 0.01 degrees: 南关区 (south-west), 朝阳区, 宽城区, 绿园区 (north-east).
ROWS = [
    ("1", "甲园", "口袋公园", "已竣工", "2025-03-01", "125.302", "43.902", ""),
    ("2", "乙园", "口袋公园", "已开放", "2025-05-01", "125.312", "43.912", ""),
    ("3", "丙园", "口袋公园", "在建", "2025-05-01", "125.313", "43.912", ""),
    ("4", "丁园", "口袋公园", "已竣工", "2024-05-01", "", "", "朝阳"),
    ("5", "戊园", "口袋公园", "已竣工", "2025-07-01", "", "", "朝阳"),
    ("6", "己园", "口袋公园", "已竣工", "2025-02-01", "126.9", "43.9", ""),
]
COLUMNS = ["id", "name", "type", "status", "status_date", "x", "y", "district"]


@pytest.fixture
def project(tmp_path):
    (tmp_path / "data").mkdir()
    districts().to_file(tmp_path / "data" / "districts.gpkg")
    pd.DataFrame(ROWS, columns=COLUMNS).to_csv(tmp_path / "data" / "ledger.csv", index=False)
    say(tmp_path)
    return tmp_path


def say(folder, ledger='file = "data/ledger.csv"\ndate = "2025-06-30"\ncrs = "EPSG:4326"\n', more=""):
    (folder / "city.toml").write_text(
        'name = "子虚市"\ndate = "2025-06-30"\nsynthetic = "synthetic data"\n'
        '[layers.districts]\nfile = "data/districts.gpkg"\nid = "adcode"\nname = "name"\n'
        f"[ledger]\n{ledger}\n{more}",
        encoding="utf-8",
    )


def test_a_ledger_becomes_numbers(project):
    city = open_city(project)
    assert len(city.ledger.frame) == 4
    assert dict(zip(city.ledger.left_out["id"], city.ledger.left_out["reason_en"], strict=True)) == {
        "5": "status_date lies after the ledger's own date: 2025-07-01",
        "6": "it lies outside the city",
    }
    assert any(notice.en.startswith("ledger: 2 of 6 rows are left out") for notice in city.notices)
    results = measure(city, "pocket_parks_built")
    rows = results.table[results.table.variant == "year"].set_index("area_id")
    assert rows["value"].to_dict() == {"220101": 1, "220102": 0, "220103": 0, "220104": 1, "city": 2}
    assert set(rows["status"]) == {"ok"}
    assert set(rows["coverage"]) == {1.0}
    total = results.get("pocket_parks_built", variant="total")
    assert total["value"] == 3
    assert results.get("pocket_parks_built", variant="total", area_id="220102")["value"] == 1
    assert total["quality"] == 0  # points: no polygon confirms them
    for said in ("ledger as of 2025-06-30", "1 are not mapped", "the map confirms 0 of 3"):
        assert said in total["note"]


def test_a_full_run_shows_only_what_the_ledger_speaks_of(project):
    shown = set(measure(open_city(project)).metrics)
    answered = {name for name, metric in registered(project).items() if metric.source == "ledger"}
    assert len(answered) > 150
    assert shown & answered == {"pocket_parks_built"}
    (project / "data" / "ledger.csv").write_text("id,type,status\n1,别的,done\n", encoding="utf-8")
    say(project, 'file = "data/ledger.csv"\ndate = "2025-06-30"\ncomplete_for = ["断头路"]\n')
    results = measure(open_city(project))
    assert set(results.metrics) & answered == {"dead_end_roads_opened"}
    assert results.get("dead_end_roads_opened")["value"] == 0
    alone = measure(open_city(project), "pocket_parks_built").get("pocket_parks_built")
    assert (alone["status"], alone["note"]) == ("no_data", "synthetic data; the ledger has no record of this type")


def test_complete_for_a_type_that_nobody_knows_is_told(project):
    say(project, 'file = "data/ledger.csv"\ndate = "2025-06-30"\ncrs = "EPSG:4326"\ncomplete_for = ["断头陆", "断头路", "口袋公园"]\n')
    told = [notice.en for notice in open_city(project).notices if "complete_for" in notice.en]
    assert told == ["ledger: complete_for names types that no metric asks for: 断头陆"]


def test_a_city_without_a_ledger_has_no_answer(project):
    text = (project / "city.toml").read_text(encoding="utf-8").partition("[ledger]")[0]
    (project / "city.toml").write_text(text, encoding="utf-8")
    city = open_city(project)
    assert city.ledger is None
    found = measure(city, "pocket_parks_built").get("pocket_parks_built")
    assert np.isnan(found["value"])
    assert "no ledger was supplied" in found["note"]


def test_the_run_names_every_file(project):
    (project / "data" / "old.csv").write_text("id,type,status\n1,口袋公园,在建\n", encoding="utf-8")
    (project / "data" / "plan.csv").write_text("id\n", encoding="utf-8")
    (project / "data" / "ledger").mkdir()
    (project / "data" / "ledger" / "pocket_parks_built.toml").write_text("least_m2 = 0\n", encoding="utf-8")
    ledger = 'file = "data/ledger.csv"\ndate = "2025-06-30"\ncrs = "EPSG:4326"\nprevious = "data/old.csv"\nprevious_date = "2025-05-31"\n'
    say(project, ledger, '[plans.own]\nfile = "data/plan.csv"\n')
    city = open_city(project)
    named = {(said["layer"], said["file"]): said["sha256"] for said in city.inputs}
    for key, file in {
        ("ledger", "ledger.csv"): "data/ledger.csv",
        ("previous ledger", "old.csv"): "data/old.csv",
        ("plans.own", "plan.csv"): "data/plan.csv",
        ("ledger", "pocket_parks_built.toml"): "data/ledger/pocket_parks_built.toml",
    }.items():
        assert named[key] == fingerprint(project / file)
    old = read_ledger(parse_project(project), city, previous=True)
    assert old.date.isoformat() == "2025-05-31"
    assert old.frame["status"].tolist() == ["started"]
    assert read_ledger(parse_project(project), city) is city.ledger


def test_a_ledger_alone_changes_the_digest_of_a_run(project):
    before = {said["file"]: said["sha256"] for said in open_city(project).inputs}
    text = (project / "data" / "ledger.csv").read_text(encoding="utf-8")
    (project / "data" / "ledger.csv").write_text(text.replace("在建", "已竣工"), encoding="utf-8")
    after = open_city(project)
    assert {said["file"]: said["sha256"] for said in after.inputs}["ledger.csv"] != before["ledger.csv"]
    assert measure(after, "pocket_parks_built").get("pocket_parks_built")["value"] == 3


def test_places_in_another_datum_are_moved(project):
    plain = open_city(project).ledger.frame.geometry.iloc[0]
    say(project, 'file = "data/ledger.csv"\ndate = "2025-06-30"\ndatum = "gcj02"\n')
    assert 300 < shapely.distance(plain, open_city(project).ledger.frame.geometry.iloc[0]) < 1000


def test_faults_are_errors_where_the_city_says_so(project):
    say(project, 'file = "data/ledger.csv"\ndate = "2025-06-30"\ncrs = "EPSG:4326"\non_fault = "error"\n')
    with pytest.raises(LayerError) as caught:
        open_city(project)
    assert "status_date lies after the ledger's own date: 1 of 6 rows (ids 5" in str(caught.value)
    assert "it lies outside the city: 1 of 6 rows (ids 6" in str(caught.value)


@pytest.mark.parametrize(
    ("ledger", "kind", "said"),
    [
        ('file = "data/none.csv"\ndate = "2025-06-30"', SourceError, "no such file"),
        ('file = "data"\ndate = "2025-06-30"', SourceError, "is a folder"),
        ('file = "data/ledger.csv"', ProjectError, "date is missing"),
        (
            'file = "data/ledger.csv"\ndate = "2025-06-30"\ncrs = "EPSG:4326"\nfields = { typ = "type" }',
            OptionError,
            "typ is no field here",
        ),
        (
            'file = "data/ledger.csv"\ndate = "2025-06-30"\ncrs = "EPSG:4326"\nfields = { type = "类型" }',
            OptionError,
            'has no column "类型"',
        ),
    ],
)
def test_what_is_wrong_with_a_ledger_is_one_clear_error(project, ledger, kind, said):
    say(project, ledger)
    with pytest.raises(kind) as caught:
        open_city(project)
    assert said in str(caught.value)


def test_parameters_of_a_local_grid_are_no_part_of_the_digest(project):
    grid = 'file = "data/ledger.csv"\ndate = "2025-06-30"\ncrs = "EPSG:4610"\n'
    say(project, grid + "datum_parameters = [12.5, -3.25, 7.75]")
    kept = parse_project(project).digest()
    assert kept != fingerprint(project / "city.toml")
    assert "12.5" not in json.dumps(open_city(project).inputs)


def test_a_metric_of_ones_own(project):
    (project / "data" / "ledger").mkdir()
    (project / "data" / "ledger" / "benches.toml").write_text(
        'title = { zh = "座椅", en = "Benches" }\ndefinition = { zh = "已安装的座椅数", en = "Benches that are installed" }\n'
        'kind = "count"\ntypes = ["长椅"]\nquantity = "quantity"\n',
        encoding="utf-8",
    )
    (project / "data" / "ledger.csv").write_text(
        "id,type,status,quantity,district\n1,长椅,done,12,南关\n2,长椅,planned,3,南关\n", encoding="utf-8"
    )
    say(project, 'file = "data/ledger.csv"\ndate = "2025-06-30"\n')
    found = measure(open_city(project)).get("benches", area_id="220101")
    assert (found["value"], found["unit"]) == (12, "count")
    assert "benches" not in registered(None)


def test_a_polygon_confirms(project):
    frame = gpd.GeoDataFrame(
        {"id": ["1", "2"], "type": ["口袋公园"] * 2, "status": ["done"] * 2, "status_date": ["2025-03-01"] * 2, "name": ["甲", "乙"]},
        geometry=[square(0.2, 0.2, 0.05), square(1.5, 1.5, 0.05).centroid],
        crs="EPSG:4326",
    )
    frame.to_file(project / "data" / "ledger.gpkg")
    say(project, 'file = "data/ledger.gpkg"\ndate = "2025-06-30"\n')
    found = measure(open_city(project), "pocket_parks_built").get("pocket_parks_built")
    assert (found["value"], found["quality"]) == (2, 0.5)


def test_rows_that_statistics_leave_out_are_told(project):
    (project / "data" / "s.csv").write_text(
        "area,metric,year,value,unit\n南关,gdp_total,2023,1,亿元\n南关,gdp_total,2024,many,亿元\n", encoding="utf-8"
    )
    toml = (project / "city.toml").read_text("utf-8")
    (project / "city.toml").write_text(toml + '\n[statistics]\nfile = "data/s.csv"\n', encoding="utf-8")
    city = open_city(project)
    assert city.statistics is not None
    assert len(city.statistics.left_out) == 1
    assert [notice.en for notice in city.notices if "statistics" in notice.en and "left out" in notice.en and "many" in notice.en]
