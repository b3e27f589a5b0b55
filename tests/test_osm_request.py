"""``[osm]`` of ``city.toml``: what it asks for, and every way to say it wrongly."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from spatial.city_toml import Project, parse_project
from spatial.errors import ProjectError, SourceError
from spatial.osm_request import GEOCODER, MARGIN_M, SERVER, address_fault, slug
from spatial.project import open_city


def project(folder: Path, *lines: str, rest: str = "") -> Project:
    (folder / "city.toml").write_text("\n".join(["[osm]", *lines, rest]), encoding="utf-8")
    return parse_project(folder)


def fault(folder: Path, *lines: str) -> str:
    with pytest.raises(ProjectError) as raised:
        project(folder, *lines)
    return str(raised.value)


def test_a_place_and_what_is_assumed(tmp_path: Path) -> None:
    request = project(tmp_path, 'place = " Changchun, China "').request
    assert request
    assert (request.place, request.date, request.server, request.geocoder, request.margin_m) == (
        "Changchun, China", "", SERVER, GEOCODER, MARGIN_M,
    )  # fmt: skip
    assert request.kept.parent == tmp_path / "data"
    assert request.kept.name.startswith("changchun-china-")
    assert request.outline == request.kept.with_name(request.kept.name.replace(".osm.gz", ".geojson"))
    with pytest.raises(SourceError, match='place = "Changchun, China" is not fetched yet'):
        open_city(tmp_path)


def test_a_polygon_and_its_own_server(tmp_path: Path) -> None:
    parsed = project(
        tmp_path,
        'polygon = "../shared/outline.gpkg"',
        'server = "http://10.1.2.3:12345/api/interpreter/"',
        "date = 2024-04-09",
        "margin_m = 0",
    )
    assert parsed.request
    assert (parsed.request.server, parsed.request.date, parsed.request.margin_m) == ("http://10.1.2.3:12345/api", "2024-04-09", 0)
    assert parsed.request.outline == tmp_path / "../shared/outline.gpkg"
    assert parsed.osm == parsed.request.kept
    assert parsed.osm.parent == tmp_path / "data"
    assert parsed.layers["boundary"].path == parsed.request.outline
    assert parsed.date == "2024-04-09"


def test_a_file_is_still_a_file(tmp_path: Path) -> None:
    parsed = project(tmp_path, 'file = "data/city.osm.pbf"')
    assert parsed.osm == tmp_path / "data/city.osm.pbf"
    assert parsed.request is None
    assert "boundary" not in parsed.layers


def test_the_date_at_the_top_wins(tmp_path: Path) -> None:
    (tmp_path / "city.toml").write_text('date = "2024-05-01"\n[osm]\nplace = "Changchun"\ndate = "2024-04-09"\n', encoding="utf-8")
    parsed = parse_project(tmp_path)
    assert parsed.request
    assert (parsed.date, parsed.request.date) == ("2024-05-01", "2024-04-09")


def test_every_key_of_the_request_names_another_file(tmp_path: Path) -> None:
    lines = (
        ['place = "Changchun"'],
        ['place = "Harbin"'],
        ['place = "Changchun"', "margin_m = 1"],
        ['place = "Changchun"', 'date = "2024-04-09"'],
    )
    servers = ['place = "Changchun"', 'server = "https://overpass.example/api"'], ['place = "Changchun"', 'geocoder = "https://n.example"']
    names = [project(tmp_path, *some).osm for some in (*lines, *servers, ['polygon = "Changchun.gpkg"'])]
    assert len(set(names)) == len(names)
    assert project(tmp_path, *lines[0]).osm == names[0]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "[osm]: file is missing"),
        (['place = ""'], "[osm]: file is missing"),
        (['file = "a.osm"', 'place = "b"'], "file and place are given; keep one of them"),
        (['place = "a"', 'polygon = "b.gpkg"'], "place and polygon are given; keep one of them"),
        (['file = "a.osm"', 'date = "2024-04-09"'], "date goes with place or polygon, not with file; remove it"),
        (['file = "a.osm"', f'server = "{SERVER}"'], "server goes with place or polygon, not with file; remove it"),
        (['file = "a.osm"', "margin_m = 10"], "margin_m goes with place or polygon, not with file; remove it"),
        (['polygon = "a.gpkg"', f'geocoder = "{GEOCODER}"'], "geocoder goes with place, not with polygon; remove it"),
        (['place = "a"', "made_up = true"], "made_up goes with file, not with place; remove it"),
        (['plac = "a"'], 'unknown key "plac"; did you mean "place"?'),
        (["place = 3"], "place must be text, not 3"),
        (['polygon = "a.tif"'], "polygon must be a vector file with the city's outline, not a raster"),
        (['place = "a\\u0000b"'], "holds letters that cannot be shown"),
        (['place = "a\\nb"'], "holds letters that cannot be shown"),
        (['place = "a\\u202Eb"'], "holds letters that cannot be shown"),
        (['place = "???"'], 'place = "???" is no name'),
        ([f'place = "{"a" * 201}"'], "place has 201 letters, at most 200"),
        (['place = "a"', 'date = "2024-13-01"'], 'date must be written as "2024-04-09", not \'2024-13-01\''),
        (['place = "a"', "date = true"], 'date must be written as "2024-04-09", not True'),
        (['place = "a"', 'date = "2010-01-01"'], "date = 2010-01-01: the servers know the past from 2012-09-13 on"),
        (['place = "a"', "margin_m = -1"], "margin_m must be metres from 0 to 50000, not -1"),
        (['place = "a"', "margin_m = nan"], "margin_m must be metres from 0 to 50000, not nan"),
        (['place = "a"', "margin_m = true"], "margin_m must be metres from 0 to 50000, not True"),
        (['place = "a"', 'margin_m = "2 km"'], "margin_m must be metres from 0 to 50000, not '2 km'"),
        (['place = "a"', 'server = "ftp://x.example"'], 'server "ftp://x.example" must begin with https://'),
        (['place = "a"', 'server = "file:///etc/passwd"'], 'server "file:///etc/passwd" is no address'),
        (['place = "a"', 'server = "overpass-api.de/api"'], 'server "overpass-api.de/api" is no address'),
        (['place = "a"', 'server = "http://overpass-api.de/api"'], "is not encrypted; use https://"),
        (['place = "a"', 'geocoder = "http://localhost.example"'], "is not encrypted; use https://"),
        (['place = "a"', 'server = "https://x.example/api?data=1"'], "has a ? or #; give the base address alone"),
        (['place = "a"', 'server = "https://x.example:port"'], "is no address"),
        (['place = "a"', 'server = "https://x.exa mple"'], "is no address"),
        (['place = "a"', 'server = ""'], 'server "" is no address'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path: Path, lines: list[str], said: str) -> None:
    assert said in fault(tmp_path, *lines)


def test_a_password_is_refused_and_not_shown(tmp_path: Path) -> None:
    said = fault(tmp_path, 'place = "a"', 'server = "https://me:secret@x.example"')
    assert "holds a user or a password" in said
    assert "secret" not in said


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    said = fault(tmp_path, 'place = "???"', "margin_m = -1", 'date = "x"', 'server = "x"', 'geocoder = "y"', "colour = 1")
    assert said.count("\n") == 5


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("https://overpass-api.de/api", True), ("https://overpass.example:8443/x/y", True), ("http://127.0.0.1:12345/api", True),
        ("http://localhost/api", True), ("http://[::1]:80", True), ("http://192.168.1.5/api", True), ("http://172.20.0.1", True),
        ("http://[fd00::1]/api", True), ("http://8.8.8.8/api", False), ("http://0.0.0.0/api", False), ("http://169.254.169.254/latest", False),
        ("https://", False), ("javascript:alert(1)", False), ("https://x.example/\u202e", False),
    ],
)  # fmt: skip
def test_addresses(address: str, right: bool) -> None:
    assert (not address_fault(address)) == right


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("长春市, 吉林省", "长春市-吉林省"), ("../../etc/passwd", "etc-passwd"), ("..", "place"), ("", "place"), ("😀", "place"), ("A" * 99, "a" * 40),
        ("С\u0301анкт-Петербу́рг", "с-анкт-петербу-рг"), ("a\x00b\nc", "a-b-c"), ("C:\\x", "c-x"), ("ﬁ", "fi"),
    ],
)  # fmt: skip
def test_slugs(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize("letter", ["长", "𠀀", "é"])
def test_a_slug_fits_every_file_system(letter: str) -> None:
    assert len(slug(letter * 300).encode()) <= 120


def test_nothing_here_can_ask_anybody() -> None:
    """Parsing a project imports no room that touches the network."""
    import spatial.osm_request as room

    tree = ast.parse(Path(room.__file__).read_text(encoding="utf-8"))
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for name in node.names}
    assert not names & {"overpass", "requests", "osmnx", "request"}
