"""Another run beside this one: matched by area, in the classes of this run, and refused where it is of something else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spatial.errors import OptionError, SourceError
from spatial.measurement import measure
from spatial.outputs import webmap as maps
from spatial.outputs.folder import write_run
from spatial.progress import Progress
from spatial.result import STATUSES
from tests.outputs.older_run import older_run
from tests.outputs.test_maps import METRICS, payload_of, small_city, small_results


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return older_run(tmp_path)


def payload(older: Path, folder: Path, lang: str = "en", **options: Any) -> dict[str, Any]:
    page = maps.write_map(small_results(**options), folder / "map.html", beside=older)
    return payload_of(page.read_text(encoding="utf-8"), lang)


def density(data: dict[str, Any]) -> dict[str, Any]:
    metric = next(each for each in data["metrics"] if each["name"] == "road_network_density")
    return next(each for each in metric["variants"] if each["name"] == "total")


def texts(data: dict[str, Any], column: list[int]) -> list[str]:
    return [data["texts"][number] for number in column]


def test_the_figures_are_those_of_the_other_run(older: Path, tmp_path: Path) -> None:
    data = payload(older, tmp_path)
    variant = density(data)
    assert texts(data, variant["value"])[:4] == ["1.20 km/km²", "1.30 km/km²", "1.40 km/km²", "1.50 km/km²"]
    assert texts(data, variant["beside"]["value"])[:4] == ["0.90 km/km²", "1.30 km/km²", "—", "—"]
    assert [STATUSES[each] for each in variant["beside"]["status"]][:4] == ["ok", "ok", "no_data", "no_data"]
    assert data["beside"] == {"title": "run of 2023-05-01", "date": "2023-05-01"}


def test_a_folder_of_spatial_run_is_read_as_it_is(tmp_path: Path) -> None:
    results = small_results()
    write_run(results, tmp_path / "run", {"by": "districts"}, force=False, latest=False, progress=Progress())
    data = payload(tmp_path / "run", tmp_path)
    for metric in data["metrics"]:
        for variant in metric["variants"]:
            assert variant["beside"]["value"] == variant["value"]
            assert variant["beside"]["class"] == variant["class"]
    assert data["beside"]["title"] == "run of 2024-05-01 run"
    assert not any("Compared with" in notice for notice in data["notices"])


def test_a_change_is_said_where_both_have_a_figure(older: Path, tmp_path: Path) -> None:
    data = payload(older, tmp_path)
    changes = texts(data, density(data)["beside"]["change"])
    assert changes[:4] == ["this run against it: +0.30 km/km²", "this run against it: ±0.00 km/km²", "", ""]


def test_a_change_of_shares_is_in_percentage_points_and_of_loss_has_a_minus(tmp_path: Path) -> None:
    results = measure(small_city(["North", "South"]), ["road_area_ratio"], lang="en")
    rows = results.rows.copy()
    named = (rows["area_id"] == "a0") & (rows["variant"] == results.metrics["road_area_ratio"].default_variant)
    value = float(rows.loc[named, "value"].iloc[0])
    rows.loc[named, "value"] = value + 0.05
    older = older_run(tmp_path, replace(results, rows=rows), figures={"a0": 0.0, "a1": 0.0})  # of a metric that was not measured
    page = maps.write_map(results, tmp_path / "map.html", beside=older).read_text(encoding="utf-8")
    for lang, wanted in (("en", "this run against it: \u22125.0 percentage points"), ("zh", "本次较其 \u22125.0 个百分点")):
        data = payload_of(page, lang)
        assert wanted in data["texts"]
        assert "个百分点" not in wanted or data["beside"]["title"] == "2023-05-01 的测算"


def test_both_are_in_the_classes_of_this_run(older: Path, tmp_path: Path) -> None:
    alone = density(payload_of(maps.write_map(small_results(), tmp_path / "alone.html").read_text(encoding="utf-8")))
    variant = density(payload(older, tmp_path))
    assert {key: variant[key] for key in ("colors", "ranges", "class")} == {key: alone[key] for key in ("colors", "ranges", "class")}
    # 0.9 lies below all classes of this run and takes the first; 1.3 has the class that it has here; without a figure there is none.
    assert variant["beside"]["class"] == [0, variant["class"][1], -1, -1]


@pytest.mark.parametrize(("lang", "wanted"), [("en", "2 areas are in this run only"), ("zh", "2 个区只在本次测算中有")])
def test_what_only_one_run_has_is_said(older: Path, tmp_path: Path, lang: str, wanted: str) -> None:
    assert any(wanted in notice for notice in payload(older, tmp_path, lang)["notices"])


def test_areas_of_the_other_run_alone_are_said(tmp_path: Path) -> None:
    older = older_run(tmp_path, figures={"a0": 1.2, "a1": 1.3, "a2": 1.4, "a3": 1.5})
    data = payload(older, tmp_path, names=["North", "South", "East"])
    assert any("1 areas are in that run only" in notice for notice in data["notices"])
    assert density(data)["beside"]["status"][:3] == [STATUSES.index("ok")] * 3


def test_another_unit_or_scope_is_no_comparison(older: Path, tmp_path: Path) -> None:
    table = pq.read_table(older / "metrics.parquet").to_pandas()
    table.loc[table["metric"] == "road_network_density", "scope"] = "growth_boundary"
    pq.write_table(pa.Table.from_pandas(table), older / "metrics.parquet")
    data = payload(older, tmp_path)
    assert set(density(data)["beside"]["status"]) == {STATUSES.index("no_data")}
    assert any("Road network density" in notice and "another unit or scope" in notice for notice in data["notices"])


def test_partly_covered_areas_are_neither_coloured_nor_subtracted(tmp_path: Path) -> None:
    older = older_run(tmp_path, small_results(extent_share=0.6), figures={f"a{n}": 1.0 for n in range(4)})
    data = payload(older, tmp_path)
    beside = density(data)["beside"]
    assert STATUSES[beside["status"][2]] == "partial"
    assert beside["class"][2] == -1
    assert texts(data, beside["change"])[2] == ""
    assert texts(data, beside["value"])[2] == "1.00 km/km²"


def test_two_runs_of_one_date_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    data = payload(older_run(tmp_path, date="2024-05-01"), tmp_path)
    assert data["beside"]["title"] == "run of 2024-05-01 2024-05-01-older"


def test_the_same_runs_give_the_same_bytes(older: Path, tmp_path: Path) -> None:
    pages = [maps.write_map(small_results(), tmp_path / name, beside=older).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_without_another_run_the_page_holds_none(tmp_path: Path) -> None:
    data = payload_of(maps.write_map(small_results(), tmp_path / "map.html").read_text(encoding="utf-8"))
    assert "beside" not in data
    assert "beside" not in density(data)


def test_a_run_of_other_areas_is_refused(older: Path, tmp_path: Path) -> None:
    table = pq.read_table(older / "metrics.parquet").to_pandas()
    table["area_id"] = table["area_id"].replace({"a0": "b0", "a1": "b1"})
    pq.write_table(pa.Table.from_pandas(table), older / "metrics.parquet")
    with pytest.raises(OptionError, match=r"no area in common with this run \(there b0, b1; here a0, a1, a2, a3\)"):
        payload(older, tmp_path)


def test_another_version_of_the_table_is_refused(older: Path, tmp_path: Path) -> None:
    run = json.loads((older / "run.json").read_text(encoding="utf-8"))
    (older / "run.json").write_text(json.dumps({**run, "schema_version": "0"}), encoding="utf-8")
    with pytest.raises(OptionError, match="table version 0, and 1 is read here"):
        payload(older, tmp_path)


def test_cells_of_another_extent_are_refused(tmp_path: Path) -> None:
    """E0001N0001 is another square where the grid begins elsewhere."""
    cells = measure(small_city(["North", "South"]), METRICS, by="grid:500", lang="en")
    moved = measure(small_city(["North", "South"], extent_share=0.8), METRICS, by="grid:500", lang="en")
    same = older_run(tmp_path, cells, figures={"E0000N0000": 1.0})
    assert maps.write_map(cells, tmp_path / "map.html", beside=same)
    with pytest.raises(OptionError, match="its cells are not those of this run"):
        maps.write_map(moved, tmp_path / "map.html", beside=same)
    with pytest.raises(OptionError, match="its cells are not those of this run"):
        maps.write_map(small_results(), tmp_path / "map.html", beside=same)


@pytest.mark.parametrize("name", ["run.json", "metrics.parquet"])
@pytest.mark.parametrize("content", [None, b"", b"[1]", b"\x00\xff"])
def test_files_that_cannot_be_read_are_told(older: Path, tmp_path: Path, name: str, content: bytes | None) -> None:
    (older / name).unlink()
    if content is not None:
        (older / name).write_bytes(content)
    with pytest.raises(SourceError, match=name):
        payload(older, tmp_path)


def test_an_internal_run_never_stands_in_a_public_page(older: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is no run of the public edition"):
        maps.write_map(replace(small_results(), edition="public"), tmp_path / "map.html", beside=older)
    assert not (tmp_path / "map.html").exists()
