"""The command line: what it says, where it writes, and what it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from spatial import __version__
from spatial.cli import main
from spatial.metrics import registered
from tests.small_city import districts, project

OUTPUTS = ["city.gpkg", "city.qgz", "map.html", "metrics.csv", "metrics.parquet", "metrics.xlsx", "run.json"]
FEW = ("--metrics", "data_completeness,population", "--quiet", "--lang", "en")


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return project(tmp_path / "plan", osm=True)


@pytest.fixture
def light_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only the folder matters."""

    def write(results: Any, path: Path, *, standing: Any = None) -> Path:
        for written in (path, *([path.with_suffix(".qgz")] if path.suffix == ".gpkg" else [])):
            written.write_text("light", encoding="utf-8")
        return path

    import spatial.outputs.folder

    for name in ("write_map", "write_geopackage"):
        monkeypatch.setattr(spatial.outputs.folder, name, write)


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if ".spatial-cache" not in path.parts)


# What it says.


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], ["run", "fetch", "demo", "list", "explain", "init", "targets"]),
        (["run"], ["--out", "--force", "--metrics", "--by", "--lang", "--no-cache", "city.toml", "grid:500"]),
        (["fetch"], ["--again", "--quiet", "city.toml", "place =", "polygon =", "Without internet", "ODbL"]),
        (["list"], ["metrics", "layers"]),
        (["explain"], ["METRIC"]),
        (["init"], ["DIR"]),
    ],
)
def test_help(capsys: pytest.CaptureFixture[str], command: list[str], words: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([*command, "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert all(word in said for word in words)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.strip() == f"spatial {__version__}"


@pytest.mark.parametrize("arguments", [[], ["rnu"], ["run"], ["run", "x", "--foo"], ["run", "x", "--lang", "fr"], ["list", "cities"]])
def test_unknown_commands_and_options(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "usage: spatial" in capsys.readouterr().err


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_list(capsys: pytest.CaptureFixture[str], lang: str) -> None:
    assert main(["list", "--lang", lang]) == 0
    said = capsys.readouterr().out
    for metric in registered().values():
        assert metric.name in said
        assert metric.title.get(lang) in said  # type: ignore[arg-type]
    assert main(["list", "layers", "--lang", lang]) == 0
    said = capsys.readouterr().out
    assert "transit_stops" in said
    assert {"zh": "车道数", "en": "Lanes"}[lang] in said


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_explain(capsys: pytest.CaptureFixture[str], lang: str) -> None:
    for metric in registered().values():
        assert main(["explain", metric.name, "--lang", lang]) == 0
        said = capsys.readouterr().out
        assert metric.definition.get(lang) in said  # type: ignore[arg-type]
        assert metric.standard.get(lang) in said  # type: ignore[arg-type]
    assert main(["explain", "road_area_rato"]) == 2
    assert 'did you mean "road_area_ratio"?' in capsys.readouterr().err


def test_init_makes_a_folder_that_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my city"
    assert main(["init", str(folder)]) == 0
    assert listing(folder) == ["city.toml", "data", "layers", "maps", "out"]
    capsys.readouterr()
    assert main(["run", str(folder)]) == 2
    assert "there is neither [osm] nor any [layers.…]; give at least one input" in capsys.readouterr().err
    before = (folder / "city.toml").read_bytes()
    assert main(["init", str(folder)]) == 4
    assert "city.toml: exists already; nothing was changed" in capsys.readouterr().err
    assert (folder / "city.toml").read_bytes() == before
    assert main(["init", str(folder / "city.toml")]) == 4


def test_every_line_of_the_template_can_be_used(tmp_path: Path) -> None:
    """Uncommented, it is a project that only lacks its files."""
    main(["init", str(tmp_path)])
    path = tmp_path / "city.toml"
    lines = [line.removeprefix("# ") if "=" in line or line.startswith("# [") else line for line in path.read_text("utf-8").splitlines()]
    lines = ["" if line.startswith("OpenStreetMap data") else line for line in lines]
    path.write_text("\n".join(lines).replace('"built_up_area"        #', '"boundary"  #'), encoding="utf-8")
    from spatial.city_toml import parse_project

    parsed = parse_project(path)
    assert set(parsed.layers) == {"districts", "boundary", "parks", "landuse", "population"}
    assert parsed.osm


# Where it writes.


def test_a_run_writes_every_output_and_points_to_it(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(city.parent), *FEW]) == 0
    out = city.parent / "out"
    name = json.loads((out / "latest.json").read_text())["run"]
    assert name.startswith("2024-04-09-")
    assert listing(out / name) == OUTPUTS
    assert not [path for path in out.iterdir() if path.name.startswith(".")]
    said = capsys.readouterr()
    assert str(out / name) in said.out
    record = json.loads((out / name / "run.json").read_text("utf-8"))
    assert record["files"] == OUTPUTS
    assert {entry["layer"]: len(entry["sha256"]) for entry in record["inputs"]} == {"city.toml": 64, "osm": 64, "districts": 64}
    assert record["crs"] == "EPSG:4551"
    assert record["metrics"] == ["data_completeness", "population"]
    assert all({"step", "cpu_s", "peak_mb"} <= set(step) for step in record["steps"])


def test_two_runs_in_different_folders_are_byte_identical(city: Path, tmp_path: Path) -> None:
    """Also across processes, with and without the cache."""
    other = project(tmp_path / "somewhere else", osm=True)
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(["run", str(city), "--quiet", "--out", str(one)]) == 0
    command = [sys.executable, "-m", "spatial", "run", str(other), "--quiet", "--no-cache", "--out", str(two)]
    root = str(Path(__file__).resolve().parents[1])
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": root, "PYTHONHASHSEED": "7"}, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name in ("metrics.csv", "metrics.parquet", "metrics.xlsx"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    assert (one / "metrics.csv").read_bytes().startswith(b"\xef\xbb\xbfmetric,variant,area_id,")
    again = tmp_path / "again"
    assert main(["run", str(city), "--quiet", "--out", str(again)]) == 0  # from the cache
    assert (one / "metrics.csv").read_bytes() == (again / "metrics.csv").read_bytes()


def test_the_same_run_again_replaces_itself(city: Path, light_outputs: None) -> None:
    assert main(["run", str(city), *FEW]) == 0
    before = listing(city.parent)
    assert main(["run", str(city), *FEW]) == 0
    assert listing(city.parent) == before
    assert main(["run", str(city), "--metrics", "population", "--quiet"]) == 0
    assert len(listing(city.parent / "out")) > len([name for name in before if name.startswith("out/")])


def test_out_may_be_new_or_empty_or_of_the_same_inputs(city: Path, tmp_path: Path, light_outputs: None) -> None:
    new, empty = tmp_path / "a" / "new", tmp_path / "empty"
    empty.mkdir()
    for out in (new, empty, new):
        assert main(["run", str(city), *FEW, "--out", str(out)]) == 0
        assert listing(out) == OUTPUTS
    assert not (city.parent / "out").exists()


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run into a folder that must stay as it is; what was said."""

    def refused(city: Path, out: Path, *options: str) -> str:
        before = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file() and ".spatial-cache" not in path.parts}
        beside = sorted({*out.parent.iterdir()} - {out.parent / ".spatial-cache"})
        capsys.readouterr()
        assert main(["run", str(city), *FEW, "--out", str(out), *options]) == 4
        after = {path: path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file() and ".spatial-cache" not in path.parts}
        assert after == before
        assert sorted({*out.parent.iterdir()} - {out.parent / ".spatial-cache"}) == beside
        return capsys.readouterr().err

    return refused


def test_a_folder_of_something_else(city: Path, tmp_path: Path, light_outputs: None, refused: Callable[..., str]) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.docx").write_text("years of work")
    assert "is not empty and holds no run of spatial" in refused(city, out)
    assert main(["run", str(city), *FEW, "--out", str(out), "--force"]) == 0  # asked for
    assert listing(out) == OUTPUTS


def test_a_run_of_other_inputs(city: Path, tmp_path: Path, light_outputs: None, refused: Callable[..., str]) -> None:
    out = tmp_path / "o"
    assert main(["run", str(city), *FEW, "--out", str(out)]) == 0
    renamed = districts().assign(name=["甲", "乙", "丙", "丁"])
    (city.parent / "data" / "districts.geojson").write_text(renamed.to_json(drop_id=True), encoding="utf-8")
    assert "holds a run of other inputs; choose a new folder, or --force" in refused(city, out)
    assert main(["run", str(city), *FEW, "--out", str(out), "--force"]) == 0
    assert "甲" in (out / "metrics.csv").read_text("utf-8")


def test_what_somebody_put_beside_the_outputs_is_kept(city: Path, tmp_path: Path, light_outputs: None, refused: Callable[..., str]) -> None:
    out = tmp_path / "o"
    assert main(["run", str(city), *FEW, "--out", str(out)]) == 0
    (out / "notes.docx").write_text("for the mayor")
    assert "also holds notes.docx, which a new run would remove; move it away, or --force" in refused(city, out)


@pytest.mark.parametrize("inside", [".", "data", "data/ledger", "layers", ".."])
def test_inputs_are_never_replaced(city: Path, light_outputs: None, refused: Callable[..., str], inside: str) -> None:
    (city.parent / "layers").mkdir()
    (city.parent / "layers" / "own.toml").write_text('geometry = "any"')
    (city.parent / "data" / "ledger").mkdir()
    (city.parent / "data" / "ledger" / "pocket_parks_built.toml").write_text("least_m2 = 0\n")
    assert "it is never replaced; choose a new folder with --out" in refused(city, (city.parent / inside).resolve(), "--force")


def test_inputs_elsewhere_are_never_replaced(city: Path, tmp_path: Path, light_outputs: None, refused: Callable[..., str]) -> None:
    received = tmp_path / "received"
    received.mkdir()
    (received / "districts.geojson").write_bytes((city.parent / "data" / "districts.geojson").read_bytes())
    city.write_text(city.read_text("utf-8").replace("data/districts.geojson", "../received/districts.geojson"), encoding="utf-8")
    assert "districts.geojson; it is never replaced" in refused(city, received, "--force")


def test_the_working_directory_is_never_replaced(
    city: Path, tmp_path: Path, light_outputs: None, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here" / "deeper"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert "it is never replaced" in refused(city, here.parent, "--force")


def test_a_link_is_followed(city: Path, tmp_path: Path, light_outputs: None, refused: Callable[..., str]) -> None:
    (tmp_path / "link").symlink_to(city.parent / "data")
    assert "it is never replaced" in refused(city, tmp_path / "link", "--force")


# Interruptions and faults.


@pytest.mark.parametrize(
    "where", ["spatial.cache.read_osm", "spatial.measurement.measure", "spatial.outputs.folder.write_map", "spatial.files._swap"]
)
@pytest.mark.parametrize("former", [False, True])
def test_ctrl_c(
    city: Path, light_outputs: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, where: str, former: bool
) -> None:
    if former:
        assert main(["run", str(city), *FEW, "--no-cache"]) == 0
    before = listing(city.parent)

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupted)
    capsys.readouterr()
    assert main(["run", str(city), *FEW]) == 130
    assert "interrupted; nothing half written is left" in capsys.readouterr().err
    assert listing(city.parent) == before
    cache = city.parent / ".spatial-cache"
    assert not cache.exists() or not [path for path in cache.iterdir() if path.name.startswith(".part-")]


def test_ctrl_c_while_the_cache_is_written(city: Path, light_outputs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    import geopandas as gpd

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(gpd.GeoDataFrame, "to_parquet", interrupted)
    assert main(["run", str(city), *FEW]) == 130
    assert list((city.parent / ".spatial-cache").iterdir()) == []


def test_a_fault_of_ours_says_so(city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("unforeseen\nsecond line")

    before = listing(city.parent)
    monkeypatch.setattr("spatial.cache.read_osm", faulty)
    assert main(["run", str(city), *FEW]) == 70
    said = capsys.readouterr().err
    assert said.startswith("error: RuntimeError: unforeseen")
    assert "at spatial/cache.py:" in said
    assert "Traceback" not in said
    assert said.count("\n") == 1
    assert listing(city.parent) == before


def test_no_memory(city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*args: Any, **kwargs: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr("spatial.cache.read_osm", hungry)
    assert main(["run", str(city), *FEW]) == 1
    assert "not enough memory" in capsys.readouterr().err


def test_progress_and_quiet(city: Path, light_outputs: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(city), *FEW[:2]]) == 0
    assert "read city.osm …" in capsys.readouterr().err
    assert main(["run", str(city), *FEW]) == 0
    assert "…" not in capsys.readouterr().err


def test_a_console_without_chinese(city: Path) -> None:
    """A console of another code page shows escapes, not a traceback."""
    root = str(Path(__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "spatial", "list", "--lang", "zh"],
        env={**os.environ, "PYTHONPATH": root, "PYTHONIOENCODING": "ascii"},
        check=False,
        capture_output=True,
    )
    assert done.returncode == 0
    assert b"\\u" in done.stdout
    assert not done.stderr


def test_the_table_reads_back(city: Path, tmp_path: Path, light_outputs: None) -> None:
    out = tmp_path / "o"
    assert main(["run", str(city), *FEW, "--out", str(out)]) == 0
    table = pd.read_csv(out / "metrics.csv", dtype={"area_id": str}, keep_default_na=False)
    twin = pd.read_parquet(out / "metrics.parquet")
    assert list(table.columns) == list(twin.columns)
    assert list(table["area_id"]) == list(twin["area_id"])
    assert set(table["area_id"]) == {"220101", "220102", "220103", "220104", "city"}
    key = ["metric", "variant", "area_id", "scope", "date"]
    assert not table.duplicated(key).any()
    assert table[key].equals(table[key].sort_values(key, kind="stable", ignore_index=True))


def test_every_key_is_documented_where_an_installed_user_finds_it(capsys: pytest.CaptureFixture[str]) -> None:
    from spatial import city_toml, osm_request

    assert main(["explain", "city.toml"]) == 0
    page = capsys.readouterr().out
    for key in (*city_toml.CITY_KEYS, *osm_request.OSM_KEYS, *city_toml.LAYER_KEYS, *city_toml.SCOPE_KEYS):
        assert f"`{key}`" in page or f"[{key}" in page, key


def test_the_name_of_a_file_does_not_rule_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Letters that a terminal obeys (here: a new title of its window) reach it neither by the name of a step nor by a message."""
    from tests.small_city import project

    path = project(tmp_path, osm=True)
    name = "c\x1b]0;mine\x07.osm"
    extract = next(part for part in (tmp_path / "data").iterdir() if ".osm" in part.name)
    extract.rename(extract.with_name(name))
    said = path.read_text("utf-8").replace(extract.name, name.replace("\x1b", "\\u001b").replace("\x07", "\\u0007"))
    path.write_text(said, encoding="utf-8")
    main(["check", str(path)])
    told = capsys.readouterr()
    assert "read c�]0;mine�.osm" in told.err
    assert not {"\x1b", "\x07"} & set(told.out + told.err)
