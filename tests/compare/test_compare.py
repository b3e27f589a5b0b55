"""Two runs against each other: a change where both figures are of one kind, and a reason where they are not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spatial.cli import main
from spatial.compare import compare_runs, read_run
from spatial.compare.changes import CARE, CHANGE_COLUMNS, FORBID
from spatial.errors import OptionError, OutputError, SourceError
from spatial.outputs.changes import write_changes
from spatial.outputs.folder import write_run
from spatial.progress import Progress
from tests.metrics.test_road_changes import two_maps
from tests.outputs.older_run import older_run
from tests.outputs.test_maps import small_results
from tests.small_city import project

KEY = ["metric", "variant", "area_id"]
DENSITY = ("road_network_density", "total")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run as ``spatial run`` writes it: densities of 1.2 (a0), 1.3 (a1), 1.4 (a2) and 1.5 km/km² (a3)."""
    folder = tmp_path_factory.mktemp("whole") / "later"
    write_run(small_results(), folder, {"by": "districts"}, force=False, latest=True, progress=Progress())
    return folder


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return older_run(tmp_path, figures={"a0": 0.9, "a1": 1.3, "a2": 1.4})


def edited(folder: Path, change: Callable[[pd.DataFrame], Any]) -> None:
    table = pq.read_table(folder / "metrics.parquet").to_pandas()
    change(table)
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), folder / "metrics.parquet")


def density_of(older: Path, whole: Path) -> pd.DataFrame:
    table = compare_runs(read_run(older), read_run(whole)).table
    return table[(table["metric"] == DENSITY[0]) & (table["variant"] == DENSITY[1])].set_index("area_id")


def at(table: pd.DataFrame, area: str = "a0") -> Any:
    return (table["metric"] == DENSITY[0]) & (table["variant"] == DENSITY[1]) & (table["area_id"] == area)


def test_a_change_is_after_less_before_and_its_share_of_before(older: Path, whole: Path) -> None:
    """0.9 → 1.2 km/km²: +0.3, a third of 0.9; 1.3 → 1.3: none; a3 was not measured before: no change, which is not +1.5."""
    rows = density_of(older, whole)
    assert rows.loc["a0", "change"] == pytest.approx(0.3)
    assert rows.loc["a0", "change_share"] == pytest.approx(1 / 3)
    assert rows.loc["a1", "change"] == pytest.approx(0.0)
    assert np.isnan(rows.loc["a3", "change"])
    assert rows.loc["a3", "reasons"] == "only_after"
    assert rows.loc["a3", "comparable"] == "no"


def test_no_data_on_one_side_is_no_fall_to_zero(older: Path, whole: Path) -> None:
    edited(older, lambda table: table.__setitem__("value", table["value"].where(~at(table))))
    row = density_of(older, whole).loc["a0"]
    assert (row["comparable"], row["reasons"]) == ("no", "no_data")
    assert np.isnan(row["change"])
    assert np.isnan(row["change_share"])


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("unit", "1", "unit"), ("scope", "growth_boundary", "scope"), ("status", "estimated", "estimated"), ("status", "partial", "partial")],
)
def test_what_forbids_a_change(older: Path, whole: Path, column: str, value: str, reason: str) -> None:
    edited(older, lambda table: table.__setitem__(column, table[column].where(~at(table), value)))
    rows = density_of(older, whole)
    assert reason in rows.loc["a0", "reasons"].split(";")
    assert rows.loc["a0", "comparable"] == "no"
    assert np.isnan(rows.loc["a0", "change"])
    assert rows.loc["a0", ["before", "after"]].tolist() == pytest.approx([0.9, 1.2])
    assert rows.loc["a1", "comparable"] != "no"


def test_a_partial_estimate_is_told_by_its_note(older: Path, whole: Path) -> None:
    """Both cover the same part of an area, and one of the two is estimated as well."""

    def both(table: pd.DataFrame, note: str) -> None:
        table.loc[at(table), "status"], table.loc[at(table), "coverage"], table.loc[at(table), "note"] = "partial", 0.5, note

    later = older_run(older.parent, date="2024-06-01")
    edited(later, lambda table: both(table, "the data cover 50.0% of it"))
    edited(older, lambda table: both(table, "the data cover 50.0% of it; and estimated"))
    assert density_of(older, later).loc["a0", "reasons"] == "estimated"
    edited(older, lambda table: both(table, "the data cover 50.0% of it"))
    assert "same_part" in density_of(older, later).loc["a0", "reasons"]
    assert density_of(older, later).loc["a0", "comparable"] == "with_care"


def test_a_definition_that_changed_forbids_a_change(older: Path, whole: Path) -> None:
    said = json.loads((older / "run.json").read_text(encoding="utf-8"))
    definitions = json.loads((whole / "run.json").read_text(encoding="utf-8"))["definitions"]
    for digest, expected in ((definitions[DENSITY[0]], False), ("0" * 12, True)):
        (older / "run.json").write_text(json.dumps({**said, "definitions": {**definitions, DENSITY[0]: digest}}), encoding="utf-8")
        assert ("definition" in density_of(older, whole).loc["a0", "reasons"]) == expected


def test_ranges_that_meet_call_for_care(older: Path, whole: Path) -> None:
    """0.9 within 0.8–1.3 and 1.2 within 1.1–1.3."""
    later = older_run(older.parent, figures={"a0": 1.2}, date="2024-06-01")

    def band(folder: Path, low: float, high: float) -> None:
        edited(
            folder,
            lambda table: [
                table.__setitem__(key, table[key].astype(float).where(~at(table), limit)) for key, limit in (("low", low), ("high", high))
            ],
        )

    band(older, 0.8, 1.3)
    band(later, 1.1, 1.3)
    assert "ranges" in density_of(older, later).loc["a0", "reasons"]
    band(older, 0.8, 1.0)
    assert "ranges" not in density_of(older, later).loc["a0", "reasons"]


def test_another_built_up_area_calls_for_care(older: Path, whole: Path) -> None:
    edited(older, lambda table: table.__setitem__("denominator", table["denominator"].where(~at(table), table["denominator"] * 1.2)))
    rows = density_of(older, whole)
    assert "built_up" in rows.loc["a0", "reasons"]
    assert "built_up" not in rows.loc["a1", "reasons"]


def test_an_outline_that_moved_forbids_a_change(whole: Path, tmp_path: Path) -> None:
    """The area a0 of the older run is ten times as large."""
    import geopandas as gpd

    older = tmp_path / "older"
    write_run(small_results(), older, {"by": "districts"}, force=False, latest=False, progress=Progress())
    frame = gpd.read_file(older / "city.gpkg", layer="areas")[["area_id", "geometry"]]
    moved = [shape.buffer(1000) if name == "a0" else shape for name, shape in zip(frame["area_id"], frame.geometry, strict=True)]
    (older / "city.gpkg").unlink()
    frame.set_geometry(moved, crs=frame.crs).to_file(older / "city.gpkg", layer="areas", driver="GPKG")
    rows = density_of(older, whole)
    assert "outline" in rows.loc["a0", "reasons"]
    assert "outline" not in rows.loc["a1", "reasons"]


def test_the_same_run_has_not_changed(whole: Path) -> None:
    comparison = compare_runs(read_run(whole), read_run(whole))
    changes = comparison.table["change"].dropna()
    assert len(changes)
    assert (changes == 0).all()
    assert not (set(";".join(comparison.table["reasons"]).split(";")) & (set(FORBID) - {"neither"}))
    assert any("same run" in notice.en for notice in comparison.notices)
    assert comparison.largest(city=False, count=5).empty


def test_turned_round_a_change_has_the_other_sign(older: Path, whole: Path) -> None:
    there, back = density_of(older, whole), density_of(whole, older)
    assert there.loc["a0", "change"] == pytest.approx(-back.loc["a0", "change"])
    assert back.loc["a3", "reasons"] == "only_before"
    assert list(there["comparable"]) == list(back["comparable"])


def test_every_reason_is_said_in_both_languages() -> None:
    for text in (FORBID | CARE).values():
        assert text.zh
        assert text.en
        assert text.zh != text.en


def test_other_cities_versions_and_places_are_refused(older: Path, whole: Path, tmp_path: Path) -> None:
    said = json.loads((older / "run.json").read_text(encoding="utf-8"))
    for change, message in (
        ({"city": "Elsewhere"}, "compare runs of one city"),
        ({"schema_version": "2"}, "table version 2, and 1 is read here"),
        ({"options": {"by": "grid:500"}}, "its cells are not those"),
    ):
        (older / "run.json").write_text(json.dumps({**said, **change}), encoding="utf-8")
        with pytest.raises(OptionError, match=message):
            compare_runs(read_run(older), read_run(whole))
    with pytest.raises(SourceError, match="is no run; name a folder"):
        read_run(tmp_path / "nothing")
    project(tmp_path / "plan")
    with pytest.raises(SourceError, match="has no run yet"):
        read_run(tmp_path / "plan" / "city.toml")


@pytest.mark.parametrize("content", ["", "[]", '{"run": "../elsewhere"}', '{"run": 3}', '{"run": ".."}'])
def test_a_pointer_leads_to_a_run_beside_it_and_nowhere_else(tmp_path: Path, content: str) -> None:
    (tmp_path / "latest.json").write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=r"latest\.json: does not name a run"):
        read_run(tmp_path / "latest.json")


def test_the_files_are_whole_and_the_same_every_time(older: Path, whole: Path, tmp_path: Path) -> None:
    comparison = compare_runs(read_run(older), read_run(whole))
    written = [write_changes(comparison, tmp_path / name, "zh") for name in ("one", "two")]
    assert [path.name for path in written[0]] == ["changes.csv", "changes.gpkg", "changes.json", "changes.xlsx"]
    for one, two in zip(*written, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name
    raw = (tmp_path / "one" / "changes.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(tmp_path / "one" / "changes.csv", encoding="utf-8-sig", dtype=str, keep_default_na=False)
    assert list(table.columns) == list(CHANGE_COLUMNS)
    assert table[KEY].apply(tuple, axis=1).is_monotonic_increasing
    with sqlite3.connect(tmp_path / "one" / "changes.gpkg") as file:
        names = [row[1] for row in file.execute("pragma table_info(changes)")]
        assert {f"{DENSITY[0]}__change", f"{DENSITY[0]}__comparable"} <= set(names)
        (found,) = file.execute(f'select "{DENSITY[0]}__change" from changes where area_id = ?', ("a0",)).fetchone()
        assert found == pytest.approx(0.3)


def test_only_an_older_comparison_is_replaced(older: Path, whole: Path, tmp_path: Path) -> None:
    comparison = compare_runs(read_run(older), read_run(whole))
    target = tmp_path / "changes"
    write_changes(comparison, target, "en")
    write_changes(comparison, target, "en")
    (target / "mine.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(OutputError, match="also holds"):
        write_changes(comparison, target, "en")
    assert (target / "mine.txt").read_text(encoding="utf-8") == "kept"
    with pytest.raises(OutputError, match="holds no comparison"):
        write_changes(comparison, _other(tmp_path), "en")
    with pytest.raises(OutputError, match="is never replaced"):
        write_changes(comparison, whole, "en", force=True)


@pytest.mark.parametrize(
    "said",
    [{"data_extent": ["a", "b", "c", "d"]}, {"data_extent": [10**400, 1, 2, 3]}, {"inputs": [{"layer": "osm", "sha256": [1]}]}, {"inputs": 5}, {"city": ["x"]}, {"synthetic": "\ud800"}],
)  # fmt: skip
def test_a_run_json_that_was_changed_by_hand_is_named(older: Path, whole: Path, said: dict[str, Any]) -> None:
    path = older / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **said}), encoding="utf-8")
    with pytest.raises(SourceError, match=r"run\.json: does not describe a run"):
        compare_runs(read_run(older), read_run(whole))
    path.write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    with pytest.raises(SourceError, match=r"run\.json: is no JSON"):
        read_run(older)


@pytest.mark.parametrize(("column", "value"), [("metric", b"x"), ("variant", None), ("value", pd.Timestamp("2020-01-01"))])
def test_a_table_of_another_kind_is_named(older: Path, column: str, value: object) -> None:
    edited(older, lambda table: table.__setitem__(column, [value] * len(table)))
    with pytest.raises(SourceError, match=r"metrics\.parquet: is no table of a run"):
        read_run(older)


def test_the_data_of_a_run_are_never_replaced(older: Path, whole: Path, tmp_path: Path) -> None:
    """``--out data --force`` by mistake: the folder that holds the extract stays as it is."""
    path = older / "run.json"
    said = {**json.loads(path.read_text(encoding="utf-8")), "inputs": [{"layer": "osm", "file": "city.osm.pbf", "sha256": "0"}]}
    path.write_text(json.dumps(said), encoding="utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "city.osm.pbf").write_bytes(b"years of work")
    with pytest.raises(OutputError, match="never replaced"):
        write_changes(compare_runs(read_run(older), read_run(whole)), tmp_path / "data", "en", force=True)
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["city.osm.pbf"]


def _other(folder: Path) -> Path:
    other = folder / "other"
    other.mkdir()
    (other / "letter.txt").write_text("", encoding="utf-8")
    return other


def test_two_projects_with_their_roads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The earlier map lacks the residential street of 1.11 km: that much is new, in its class, and cannot be told."""
    two_maps(tmp_path / "later")
    project(tmp_path / "earlier")
    with (tmp_path / "earlier" / "city.toml").open("a", encoding="utf-8") as file:
        file.write('\n[osm]\nfile = "../later/data/2019.osm"\n')
    for name in ("earlier", "later"):
        assert main(["run", str(tmp_path / name), "--quiet", "--metrics", "road_network_density", "--lang", "en"]) == 0
    capsys.readouterr()
    assert (
        main(["compare", str(tmp_path / "earlier"), str(tmp_path / "later"), "--quiet", "--lang", "en", "--out", str(tmp_path / "out")])
        == 0
    )
    said = capsys.readouterr().out
    assert "2019-06-01 → 2024-04-09" in said
    assert "km of road are new on the map" in said
    roads = pd.read_csv(tmp_path / "out" / "roads.csv", encoding="utf-8-sig").set_index("road_class")
    assert roads.loc["residential", "unknown_km"] == pytest.approx(1.111, rel=0.01)
    assert roads.loc["residential", "before_km"] == 0
    assert roads.loc["total", "change_km"] == pytest.approx(roads.loc["residential", "unknown_km"], abs=1e-6)
    assert roads.loc["primary", ["change_km", "retagged_km", "gone_km"]].tolist() == pytest.approx([0, 0, 0], abs=1e-9)
    # Data that changed since: the roads are not held against each other, and that is said.
    with (tmp_path / "later" / "city.toml").open("a", encoding="utf-8") as file:
        file.write("\n# another word\n")
    assert (
        main(["compare", str(tmp_path / "earlier"), str(tmp_path / "later"), "--quiet", "--lang", "en", "--out", str(tmp_path / "out")])
        == 0
    )
    assert "roads are not compared" in capsys.readouterr().out
    assert not (tmp_path / "out" / "roads.csv").exists()


def test_help_and_a_wrong_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["compare", "--help"])
    assert left.value.code == 0
    assert "BEFORE" in capsys.readouterr().out
    assert main(["compare", str(tmp_path), str(tmp_path)]) == 3
    assert "is no run" in capsys.readouterr().err
