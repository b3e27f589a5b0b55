"""``spatial site dead-ends``: what it writes and says, what it leaves alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest

from spatial.cli import main
from spatial.outputs.sites import FILES
from tests.roads.stubs import at, box, layer, streets
from tests.siting.test_link_choice import LADDER, LIVING

QUIET = ("--quiet", "--no-cache")
HOSTILE = '=cmd()<script>alert(1)</script>"'


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    roads = streets(LADDER)
    roads.loc[2, "name"] = HOSTILE
    square = layer([box(-4000, -4000, 4000, 4000)], name=["区"])
    people = layer([at(*spot) for spot in LIVING], pop=list(LIVING.values()))
    for name, frame in (("roads", roads), ("square", square), ("people", people)):
        frame.to_crs("EPSG:4326").to_file(folder / f"{name}.geojson")
    extent = [round(value, 6) for value in square.to_crs("EPSG:4326").total_bounds.tolist()]
    (folder / "city.toml").write_text(
        f'name = "子虚市"\ndata_extent = {extent}\ncrs = "EPSG:4551"\n'
        'date = "2025-06-30"\n[layers.roads]\nfile = "roads.geojson"\n[layers.districts]\nfile = "square.geojson"\n'
        'id = "id"\nname = "name"\n[layers.built_up_area]\nfile = "square.geojson"\n[layers.population]\nfile = "people.geojson"\nfield = "pop"\n',
        encoding="utf-8",
    )
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_what_it_writes_and_says(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three of four links, in the table, the layers and the list alike; a second call writes the same bytes."""
    assert main(["site", "dead-ends", str(project), "-n", "3", "--lang", "en", *QUIET]) == 0
    said = capsys.readouterr().out
    folder = project / "out" / "sites" / "dead-ends"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    assert (folder / "links.csv").read_bytes().startswith(b"\xef\xbb\xbforder,")
    table = pd.read_csv(folder / "links.csv", encoding="utf-8-sig")
    assert table["order"].tolist() == [1, 2, 3]
    assert table["length_m"].tolist() == [100.0] * 3
    assert table["area_name"].tolist() == ["区"] * 3
    assert table["buildings"].isna().all()
    assert (table["share"].diff().dropna() > 0).all()
    features = json.loads((folder / "links.geojson").read_text(encoding="utf-8"))["features"]
    assert [each["properties"]["name"] for each in features] == table["name"].str.removeprefix("'").tolist()
    for each, row in zip(features, table.to_dict("records"), strict=True):
        assert each["geometry"]["coordinates"][0] == pytest.approx([row["lon"], row["lat"]], abs=1e-6)
        assert each["geometry"]["coordinates"][-1] == pytest.approx([row["to_lon"], row["to_lat"]], abs=1e-6)
        assert each["properties"]["buildings"] is None
    drawn = gpd.read_file(
        folder / "links.gpkg", layer=next(name for name in gpd.list_layers(folder / "links.gpkg").name if name.endswith("links"))
    )
    assert len(drawn) == 3
    sites = json.loads((folder / "sites.json").read_text(encoding="utf-8"))
    assert (sites["links"], sites["candidates"], sites["dead_ends"]) == (3, 4, 4)
    assert sites["saved"] <= sites["bound"]
    assert {entry["file"] for entry in sites["inputs"]} == {"city.toml", "roads.geojson", "square.geojson", "people.geojson"}
    for word in ("Detour before", "3 links of 4 candidates for 4 dead ends", "Bound:", "to be confirmed", "links.csv"):
        assert word in said
    before = hashes(folder)
    assert main(["site", "dead-ends", str(project), "-n", "3", "--lang", "en", *QUIET]) == 0
    assert hashes(folder) == before
    capsys.readouterr()


def test_names_are_data(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "dead-ends", str(project), "--lang", "zh", "--out", str(tmp_path / "zh"), *QUIET]) == 0
    said = capsys.readouterr().out
    assert "受益居民" in said
    assert "<script>alert(1)" not in (tmp_path / "zh" / "map.html").read_text(encoding="utf-8")
    cells = (tmp_path / "zh" / "links.csv").read_text(encoding="utf-8-sig")
    assert "'=cmd()" in cells
    assert not any(line.split(",")[4].startswith("=") for line in cells.splitlines())


def test_what_is_not_ours_stays(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.docx").write_text("years of work", encoding="utf-8")
    assert main(["site", "dead-ends", str(project), "--out", str(tmp_path / "full"), *QUIET]) == 4
    assert "thesis.docx" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["thesis.docx"]
    (tmp_path / "mine").mkdir()  # files of the names that we write may be anybody's
    for name, text in (("links.csv", "my list"), ("sites.json", '{"mine": true}')):
        (tmp_path / "mine" / name).write_text(text, encoding="utf-8")
        assert main(["site", "dead-ends", str(project), "--out", str(tmp_path / "mine"), *QUIET]) == 4
        assert "links.csv" in capsys.readouterr().err
    assert hashes(tmp_path / "mine").keys() == {"links.csv", "sites.json"}
    assert (tmp_path / "mine" / "links.csv").read_text(encoding="utf-8") == "my list"
    assert main(["site", "dead-ends", str(project), "--out", str(tmp_path / ("x" * 300)), *QUIET]) == 4
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["site", "dead-ends", str(project), "--out", str(tmp_path / "file"), *QUIET]) == 4
    capsys.readouterr()


def test_secret_streets_are_not_drawn(project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (project / "city.toml").read_text(encoding="utf-8").replace('file = "', f'file = "{project}/')
    (tmp_path / "city.toml").write_text(text.replace("[layers.roads]\n", '[layers.roads]\nsensitivity = "secret"\n'), encoding="utf-8")
    assert main(["site", "dead-ends", str(tmp_path), *QUIET]) == 2
    assert "roads" in capsys.readouterr().err
    assert not (tmp_path / "out" / "sites").exists()
    # Nor is a list of links that counts secret residents by place.
    (tmp_path / "city.toml").write_text(
        text.replace("[layers.population]\n", '[layers.population]\nsensitivity = "secret"\n'), encoding="utf-8"
    )
    assert main(["site", "dead-ends", str(tmp_path), *QUIET]) == 2
    assert "population" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"), [(("-n", "0"), "at least 1"), (("--avoid", "wather"), 'did you mean "water"'), (("--by", "nowhere"), "nowhere")]
)
def test_what_cannot_be_asked_is_told_before_reading(
    project: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], said: str
) -> None:
    assert main(["site", "dead-ends", str(project), *options, *QUIET]) == 2
    assert said in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["site", "dead-ends", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for word in ("-n", "--avoid", "--by", "--out", "links.csv", "打通断头路", "no design"):
        assert word in said
