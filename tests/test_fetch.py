"""``spatial fetch`` against real HTTP servers on 127.0.0.1 that hold a made-up city: what is kept, and what their bad moods do."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from spatial import fetch as fetch_room
from spatial.city_toml import parse_project
from spatial.cli import main
from spatial.errors import FetchError, LayerError, OptionError, OutputError, SourceError
from spatial.fetch import PARTS_FOLDER, Fetched, box_around, fetch_osm, tiles_of
from spatial.measurement import measure
from spatial.project import open_city
from spatial.sources.overpass import Patience, _retry_after
from spatial.sources.places import read_places
from tests.map_servers import (
    MapServers,
    breaks_off,
    drips,
    drips_below_the_header,
    ends_early,
    hangs_up,
    map_servers,
    place,
    remarks,
    says_nothing,
    sends,
    slow,
    stops_halfway,
    well,
)  # fmt: skip
from tests.small_city import BOX, STEP, WEST, districts, osm_xml, square

QUICK = Patience(tries=3, connect_s=2.0, silence_s=0.4, answer_s=10.0, wait_s=10.0, longest_wait_s=60.0)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Osmnx pauses for a second before each request, which is right for a real server only."""
    from osmnx import _nominatim

    monkeypatch.setattr(_nominatim, "time", SimpleNamespace(sleep=lambda _: None))


@pytest.fixture
def servers() -> Iterator[MapServers]:
    with map_servers() as running:
        yield running


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The city of 1.6 × 2.2 km in 3 × 4 requests."""
    monkeypatch.setattr(fetch_room, "TILE_M", 700.0)


@pytest.fixture
def city(tmp_path: Path, servers: MapServers) -> Path:
    return write(tmp_path / "plan", servers)


def write(folder: Path, servers: MapServers, *lines: str, name: str = "试城", layers: str = "") -> Path:
    """A project that names a place, without margin, so that what is fetched is the city's own box."""
    folder.mkdir(exist_ok=True)
    asked = [f"place = {json.dumps(name, ensure_ascii=False)}", f'geocoder = "{servers.geocoder}"'] if name else []
    head = ['synthetic = "synthetic data"', "[osm]", *asked, f'server = "{servers.overpass}"', "margin_m = 0"]
    (folder / "city.toml").write_text("\n".join([*head, *lines, layers]), encoding="utf-8")
    return folder / "city.toml"


def get(city: Path, waits: list[float] | None = None, **options: Any) -> Fetched:
    return fetch_osm(city, patience=options.pop("patience", QUICK), sleep=(waits if waits is not None else []).append, **options)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# What is kept.


def test_a_place_becomes_a_file_that_is_read_like_any_extract(city: Path, servers: MapServers) -> None:
    done = get(city)
    assert done.new
    assert files(city.parent) == ["city.toml", f"data/{done.outline.name}", f"data/{done.path.name}"]
    assert done.path.name.startswith("试城-")
    assert done.path.name.endswith(".osm.gz")
    assert done.said == ('place = "试城" is taken for 试城, 吉林省, 中国 (relation 220100)',)
    read = open_city(city)
    assert read.date == "2024-04-09"
    assert len(read.frame("roads")) == 3
    assert len(read.frame("boundary")) == 1
    assert {"osm", "boundary"} <= {entry["layer"] for entry in read.inputs}
    assert done.box == pytest.approx(BOX, abs=2e-7)
    (query,) = servers.queries()
    assert "out meta;" in query
    assert "date:" not in query
    assert servers.agents == {f"spatial-planning/{sys.modules['spatial'].__version__} (planning metrics; spatial fetch)"}


@pytest.mark.usefixtures("small_tiles")
def test_the_table_equals_that_of_the_same_data_given_as_a_file(city: Path, servers: MapServers, tmp_path: Path) -> None:
    water = (
        '<relation id="9" version="1" timestamp="2024-04-09T00:00:00Z"><member type="way" ref="4" role="outer"/>'
        '<tag k="type" v="multipolygon"/><tag k="natural" v="water"/></relation>'
    )
    servers.osm = osm_xml().replace("</osm>", f"{water}</osm>")
    done = get(city)
    assert done.asked == 12
    assert servers.most_at_once == 1
    twin = tmp_path / "twin"
    (twin / "data").mkdir(parents=True)
    west, south, east, north = done.box
    theirs = servers.osm.replace(
        f'<bounds minlon="{BOX[0]}" minlat="{BOX[1]}" maxlon="{BOX[2]}" maxlat="{BOX[3]}"/>',
        f'<bounds minlon="{west}" minlat="{south}" maxlon="{east}" maxlat="{north}"/>',
    )
    assert f'maxlon="{east}" maxlat="{north}"' in theirs
    (twin / "data" / "city.osm").write_text(theirs, encoding="utf-8")
    gpd.GeoDataFrame(geometry=[shapely.box(*BOX)], crs="EPSG:4326").to_file(twin / "data" / "outline.gpkg")
    areas = '[layers.districts]\nfile = "../districts.geojson"\nid = "adcode"\n'
    (tmp_path / "districts.geojson").write_text(districts().to_json(drop_id=True), encoding="utf-8")
    write(city.parent, servers, layers=areas)
    (twin / "city.toml").write_text(
        f'synthetic = "synthetic data"\n[osm]\nfile = "data/city.osm"\n[layers.boundary]\nfile = "data/outline.gpkg"\n{areas}',
        encoding="utf-8",
    )
    fetched, given = (measure(open_city(path)).table for path in (city, twin))
    assert (fetched["status"] != "no_data").sum() > 50
    pd.testing.assert_frame_equal(fetched, given)


def test_a_second_fetch_asks_nobody_unless_told_or_the_request_changed(city: Path, servers: MapServers) -> None:
    first = get(city)
    before, asked = first.path.read_bytes(), len(servers.asked)
    second = get(city)
    assert not second.new
    assert (second.path, second.box) == (first.path, first.box)
    assert len(servers.asked) == asked
    servers.osm = servers.osm.replace("2024-04-09", "2024-05-01")
    assert get(city, again=True).new
    assert first.path.read_bytes() != before
    assert open_city(city).date == "2024-05-01"
    asked = len(servers.asked)
    write(city.parent, servers, 'date = "2024-06-01"')
    with pytest.raises(SourceError, match="is not fetched yet"):
        open_city(city)
    dated = get(city)
    assert dated.path != first.path
    assert len(servers.asked) == asked + 2
    assert '[date:"2024-06-01T00:00:00Z"]' in servers.queries()[-1]
    assert open_city(city).date == "2024-06-01"


def test_the_same_answers_give_the_same_bytes(city: Path, servers: MapServers) -> None:
    first = get(city).path.read_bytes()
    assert get(city, again=True).path.read_bytes() == first


def test_a_polygon_of_ones_own_needs_no_geocoder_and_is_the_boundary(tmp_path: Path, servers: MapServers) -> None:
    folder = tmp_path / "plan"
    path = write(folder, servers, 'polygon = "outline.gpkg"', name="")
    half = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[square(0, 0), square(0, 1)], crs="EPSG:4326")
    half.to_crs("EPSG:4551").to_file(folder / "outline.gpkg")
    done = get(path)
    assert done.outline == folder / "outline.gpkg"
    assert done.box == pytest.approx((BOX[0], BOX[1], WEST + STEP, BOX[3]), abs=1e-6)
    assert len(servers.asked) == 1
    city = open_city(path)
    assert {entry["file"] for entry in city.inputs if entry["layer"] == "boundary"} == {"outline.gpkg"}
    # A changed polygon is another request; the file of the old one is not taken for its answer.
    districts().to_file(folder / "outline.gpkg")
    again = get(path)
    assert again.new
    assert again.box == pytest.approx(BOX, abs=1e-6)


def test_a_declared_boundary_stays_the_boundary(city: Path, servers: MapServers) -> None:
    write(city.parent, servers, layers='[layers.boundary]\nfile = "own.geojson"\n')
    gpd.GeoDataFrame(geometry=[square(0, 0)], crs="EPSG:4326").to_file(city.parent / "own.geojson")
    get(city)
    assert [entry["file"] for entry in open_city(city).inputs if entry["layer"] == "boundary"] == ["own.geojson"]


@pytest.mark.usefixtures("small_tiles")
def test_a_feature_edited_between_two_answers_is_kept_once_in_its_newest_version(city: Path, servers: MapServers) -> None:
    def edit(handler: Any, answer: bytes) -> None:
        well(handler, answer)
        servers.osm = servers.osm.replace('<way id="1" version="1"', '<way id="1" version="2"').replace('v="30"', 'v="40"')

    servers.moods.extend([None, *[None] * 6, edit])
    get(city)
    roads = open_city(city).frame("roads").set_index("id")
    assert list(roads.index) == ["w1", "w2", "w3"]
    assert float(roads.loc["w1", "width"]) == 40


def test_ways_that_cross_the_box_come_whole_and_the_box_still_says_what_is_covered(tmp_path: Path, servers: MapServers) -> None:
    path = write(tmp_path / "plan", servers)
    servers.places["试城"] = [place(outline=square(0, 0))]
    done = get(path)
    city = open_city(path)
    (long_street,) = city.frame("roads").set_index("id").loc[["w2"]].geometry
    assert long_street.length == pytest.approx(2222, rel=0.01)  # two districts long, of which the box holds one
    assert done.box == pytest.approx(shapely.bounds(square(0, 0)), abs=2e-7)
    assert city.data_extent.area == pytest.approx(803 * 1111, rel=0.01)


@pytest.mark.usefixtures("small_tiles")
def test_what_came_before_a_failure_is_not_asked_for_again(city: Path, servers: MapServers) -> None:
    servers.moods.extend([None, *[None] * 5, *[sends("", 504)] * 3])
    with pytest.raises(FetchError, match=r'504.*asked 3 times.*5 answers are kept; "spatial fetch .*city.toml" goes on from there'):
        get(city)
    assert not (city.parent / "data").exists()
    asked = len(servers.asked)
    done = get(city)
    assert len(servers.asked) - asked == 12 - 5
    assert done.asked == 7
    assert done.said  # what the name was taken for is told by the call that ends well
    assert not (city.parent / PARTS_FOLDER).exists()
    assert len(open_city(city).frame("roads")) == 3


@pytest.mark.usefixtures("small_tiles")
def test_answers_of_another_day_are_asked_for_again(city: Path, servers: MapServers) -> None:
    servers.moods.extend([None, *[None] * 5, sends("", 404)])
    with pytest.raises(FetchError, match="404"):
        get(city)
    old = time.time() - fetch_room.PART_MAX_AGE_S - 10
    for part in (city.parent / PARTS_FOLDER).rglob("*.osm"):
        os.utime(part, (old, old))
    assert get(city).asked == 12


def test_a_file_that_is_there_survives_a_fetch_that_fails(city: Path, servers: MapServers) -> None:
    done = get(city)
    before = {path: path.read_bytes() for path in (done.path, done.outline)}
    # The geocoder's new answer is kept for the next call too, but not yet in place of the old outline.
    servers.places["试城"] = [place(outline=square(0, 0))]
    for moods in ([sends("[]")], [None, sends("no", 403)], [sends("<osm version='0.6'/>")], [breaks_off] * 3):
        servers.moods.extend(moods)
        with pytest.raises(FetchError):
            get(city, again=True)
        assert {path: path.read_bytes() for path in (done.path, done.outline)} == before
        assert not servers.moods
    assert open_city(city).date == "2024-04-09"


# Bad moods.


@pytest.mark.parametrize(
    ("mood", "why"),
    [
        (sends("", 429), "429 Too Many Requests"),
        (sends("", 504), "504 Gateway Timeout"),
        (sends("", 503), "503 Service Unavailable"),
        (breaks_off, "broke off"),
        (says_nothing, "does not answer in time"),
        (stops_halfway, "does not answer in time"),
        (hangs_up, "the connection is lost"),
    ],
)
@pytest.mark.parametrize("whom", ["geocoder", "overpass"])
def test_a_bad_mood_that_passes_is_waited_for(city: Path, servers: MapServers, mood: Any, why: str, whom: str) -> None:
    waits: list[float] = []
    servers.moods.extend([*([None] if whom == "overpass" else []), mood, mood])
    assert get(city, waits).new
    assert waits == [10.0, 20.0]
    assert len(open_city(city).frame("roads")) == 3
    servers.moods.extend([*([None] if whom == "overpass" else []), *[mood] * 3])
    with pytest.raises(FetchError, match=f"{servers.address}.*{why}.*asked 3 times; try again later, or another server"):
        get(city, again=True)
    assert len(waits) == 2


@pytest.mark.parametrize("mood", [ends_early, remarks("runtime error: load average too high"), sends('<osm version="0.6"><node')])
def test_half_an_answer_of_overpass_is_never_a_smaller_file(city: Path, servers: MapServers, mood: Any) -> None:
    waits: list[float] = []
    servers.moods.extend([None, mood])
    get(city, waits)
    assert waits == [10.0]
    servers.moods.extend([None, *[mood] * 3])
    with pytest.raises(FetchError, match=r"broke off|load average"):
        get(city, again=True)


def test_a_slow_server_is_no_failure(city: Path, servers: MapServers) -> None:
    waits: list[float] = []
    servers.moods.extend([slow, slow])
    assert get(city, waits).new
    assert not waits


def test_an_answer_that_never_ends_is_given_up(city: Path, servers: MapServers) -> None:
    servers.moods.extend([None, *[slow] * 3])
    hasty = Patience(tries=3, silence_s=2.0, answer_s=0.01, wait_s=1.0)
    with pytest.raises(FetchError, match="took longer than"):
        get(city, patience=hasty)


@pytest.mark.parametrize("mood", [drips, drips_below_the_header])
@pytest.mark.parametrize("whom", ["geocoder", "overpass"])
def test_a_line_that_drips_for_ever_is_given_up(city: Path, servers: MapServers, mood: Any, whom: str) -> None:
    servers.moods.extend([mood] if whom == "geocoder" else [None, mood])
    began = time.monotonic()
    with pytest.raises(FetchError, match="its answer took longer than 1 s"):
        get(city, patience=Patience(tries=1, connect_s=2.0, silence_s=2.0, answer_s=1.0))
    assert time.monotonic() - began < 4
    assert not list((city.parent / PARTS_FOLDER).rglob("*.osm"))
    assert get(city).new


@pytest.mark.parametrize(
    "value",
    [
        "²",
        "٣",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2030 00:00:00 +99999999",
        "Mon, 01 Jan 0001 00:00:00 +2300",
        "",
    ],
)
def test_a_wait_that_is_none_is_passed_over(value: str) -> None:
    assert _retry_after(value) in (None, 0.0)
    assert _retry_after(" 7 ") == 7


def test_the_server_says_how_long_to_wait(city: Path, servers: MapServers) -> None:
    from email.utils import format_datetime

    waits: list[float] = []
    drawn: list[str] = []
    soon = format_datetime(pd.Timestamp.now(tz="UTC").ceil("s") + pd.Timedelta(seconds=30), usegmt=False)
    servers.moods.extend([sends("", 429, Retry_After="7"), None, sends("", 503, Retry_After=soon), sends("", 429, Retry_After="soon")])
    from spatial.progress import Progress

    get(city, waits, patience=Patience(tries=4, silence_s=1.0, wait_s=10.0), progress=Progress(drawn.append))
    assert waits == [7.0, pytest.approx(30, abs=3), 20.0]
    assert any("429 Too Many Requests and asks to wait 7 s; waiting 7 s, then try 2 of 4" in line for line in drawn)
    servers.moods.extend([sends("", 429, Retry_After="7200")])
    with pytest.raises(FetchError, match="asks to wait 7200 s; run the same command again after that"):
        get(city, waits, again=True)
    assert len(waits) == 3


def test_waits_grow_to_a_limit(city: Path, servers: MapServers) -> None:
    waits: list[float] = []
    servers.moods.extend([sends("", 504)] * 6)
    get(city, waits, patience=Patience(tries=7, wait_s=15.0, longest_wait_s=120.0))
    assert waits == [15, 30, 60, 120, 120, 120]


HTML = "<!DOCTYPE html><html><head><title>Log in</title></head><body>Log in</body></html>"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (HTML, "declares a document type"),
        ("<html><body>busy</body></html>", "no OSM data"),
        ('{"elements": []}', "no OSM data"),
        ("", "answers with nothing"),
        ("<gpx/>", "no OSM data"),
        ('<osm version="0.6"><meta osm_base=""/></osm>', "knows nothing at all inside"),
        ('<!DOCTYPE osm [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><osm version="0.6">&b;</osm>', "declares a document type"),
        ('<!DOCTYPE osm SYSTEM "file:///etc/passwd"><osm version="0.6"/>', "declares a document type"),
        (
            '<osm version="0.6"><meta osm_base="2024-04-10T00:00:00Z"/><node id="1" lat="north" lon="125"/></osm>',
            "OSM data that cannot be read",
        ),
        (
            '<osm version="0.6"><meta osm_base="2024-04-10T00:00:00Z"/><node id="one" lat="43" lon="125"/></osm>',
            "OSM data that cannot be read",
        ),
        (
            '<osm version="0.7"><meta osm_base="2024-04-10T00:00:00Z"/><node id="1" lat="43" lon="125"/></osm>',
            "OSM data that cannot be read",
        ),
        (b"\xff\xfe\x00\x01binary", "no OSM data"),
    ],
)
def test_nonsense_of_overpass_is_told_and_not_kept(city: Path, servers: MapServers, answer: Any, said: str) -> None:
    servers.moods.extend([None, sends(answer)])
    with pytest.raises(FetchError, match=said) as raised:
        get(city)
    assert "\n" not in str(raised.value)
    assert not (city.parent / "data").exists()
    assert not list(city.parent.rglob("*.osm"))
    assert get(city).new  # and the next call is not spoilt by it


@pytest.mark.parametrize(
    "answer",
    [HTML, "", "{}", '{"error": "x"}', "[1]", '[{"lat": "1"}]', "[" * 100_000, json.dumps([place(geojson=None)]), json.dumps([place(importance="x")]),
     json.dumps([place(boundingbox=[1])]), "null", '"x"'],
)  # fmt: skip
def test_nonsense_of_the_geocoder_is_told(city: Path, servers: MapServers, answer: str) -> None:
    servers.moods.append(sends(answer))
    with pytest.raises(FetchError, match="answers with what is no list of places"):
        get(city)
    assert files(city.parent) == ["city.toml"]


@pytest.mark.parametrize(
    ("outline", "said"),
    [
        ({"type": "Polygon", "coordinates": []}, "is none"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [200, 0], [200, 5], [0, 0]]]}, "is none"),
        ({"type": "Polygon", "coordinates": [[[1, 1], [1, 1], [1, 1], [1, 1]]]}, "is none"),
        ({"type": "Polygon", "coordinates": "x"}, "no list of places"),
        ({"type": "Polygon", "coordinates": [[[1, 1], [2, 2]]]}, "no list of places"),
        ({"type": "Polygon", "coordinates": [[[1, 1], [2, 2], [float("nan"), 3], [1, 1]]]}, "no list of places"),
        ({"type": "Banana", "coordinates": [1, 1]}, "no list of places"),
    ],
)
def test_an_outline_that_is_none(city: Path, servers: MapServers, outline: Any, said: str) -> None:
    servers.places["试城"] = [place(geojson=outline)]
    with pytest.raises(FetchError, match=said):
        get(city)


def test_a_place_that_nobody_knows(city: Path, servers: MapServers) -> None:
    write(city.parent, servers, name="Atlantis")
    with pytest.raises(FetchError, match=r'place = "Atlantis": the geocoder 127.0.0.1:\d+ does not know it; write it as in .* polygon = '):
        get(city)
    assert servers.asked == ["Atlantis"]
    assert files(city.parent) == ["city.toml"]


@pytest.mark.parametrize(
    "known",
    [
        place(geojson={"type": "Point", "coordinates": [125.3, 43.9]}),
        place(geojson={"type": "LineString", "coordinates": [[125.3, 43.9], [125.4, 43.9]]}),
        place(kind="building"),
        place(kind="amenity"),
    ],
)
def test_a_place_without_an_outline(city: Path, servers: MapServers, known: Any) -> None:
    servers.places["试城"] = [known]
    with pytest.raises(FetchError, match=r"knows no outline of such a place, only 试城, 吉林省, 中国 \(\w+\); .*polygon = "):
        get(city)


def test_a_village_is_not_taken_for_the_city_of_its_name(city: Path, servers: MapServers) -> None:
    """The likeliest meaning is a point; the outline is another's, unless the point lies inside it."""
    village = place("试城村, 北京市, 中国", outline=shapely.box(116, 39, 116.1, 39.1), number=7, importance=0.2)
    middle = {"type": "Point", "coordinates": [WEST + STEP, BOX[1] + STEP]}
    servers.places["试城"] = [village, place(geojson=middle)]
    with pytest.raises(
        FetchError, match=r"试城, 吉林省, 中国 is meant most likely, .* no outline; 试城村, 北京市, 中国, which has one, lies elsewhere"
    ):
        get(city)
    servers.places["试城"] = [place("试城市区", importance=0.2), place(geojson=middle)]
    assert "is taken for 试城市区" in get(city).said[0]


def test_a_name_that_could_mean_several_places_is_told(city: Path, servers: MapServers) -> None:
    other = place("试城, 北京市, 中国", outline=shapely.box(116, 39, 117, 40), number=7, importance=0.3)
    servers.places["试城"] = [other, place()]
    said = get(city).said
    assert "is taken for 试城, 吉林省, 中国" in said[0]
    assert said[1] == "the name could also mean 试城, 北京市, 中国; write it more fully if one of these is meant"


def test_redirects_are_not_followed(city: Path, servers: MapServers) -> None:
    for target in ("file:///etc/passwd", "http://127.0.0.1:1/elsewhere", f"{servers.overpass}/interpreter"):
        for before in ([], [None]):
            servers.moods.extend([*before, sends("", 302, Location=target)])
            with pytest.raises(FetchError, match=r"sends on to .*, which is not followed"):
                get(city, again=True)
            for part in (city.parent / PARTS_FOLDER).rglob("outline.geojson"):
                part.unlink()


def test_an_answer_that_is_too_large_is_refused(city: Path, servers: MapServers) -> None:
    small = Patience(answer_bytes=300, place_bytes=1 << 20)
    with pytest.raises(FetchError, match="bytes, more than the 300 that are taken"):
        get(city, patience=small)
    assert len(servers.queries()) == 2  # the whole of 2.2 km, then the first of its quarters
    with pytest.raises(FetchError, match="bytes, more than the 100 that are taken"):
        get(write(city.parent, servers, 'date = "2024-06-01"'), patience=Patience(place_bytes=100))
    assert [name for name in files(city.parent) if not name.startswith(PARTS_FOLDER)] == ["city.toml"]


def test_an_answer_of_unknown_length_is_cut_off_too(city: Path, servers: MapServers) -> None:
    def endless(handler: Any, _: bytes) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not servers.closing.is_set():
            handler.wfile.write(b" " * 65536)

    servers.moods.extend([None, *[endless] * 9])
    with pytest.raises(FetchError, match="more than the 1000000 bytes that are taken"):
        get(city, patience=Patience(answer_bytes=1_000_000, silence_s=2.0))


@pytest.mark.parametrize(
    "remark", ['runtime error: Query timed out in "query" at line 1', "runtime error: Query run out of memory using about 2048 MB of RAM."]
)
def test_what_is_too_much_at_once_is_asked_for_in_quarters(city: Path, servers: MapServers, remark: str) -> None:
    waits: list[float] = []
    servers.moods.extend([None, remarks(remark)])
    done = get(city, waits)
    assert not waits
    assert done.asked == 4
    assert len(open_city(city).frame("roads")) == 3
    assert done.box == pytest.approx(BOX, abs=2e-7)


def test_a_server_that_does_not_know_the_past(city: Path, servers: MapServers) -> None:
    write(city.parent, servers, 'date = "2020-01-01"')
    with pytest.raises(FetchError, match="answers with edits of 2024-04-09, after date = 2020-01-01: it does not know the past"):
        get(city)
    assert not (city.parent / "data").exists()


def test_a_query_that_the_server_cannot_read_is_told_in_its_words(city: Path, servers: MapServers) -> None:
    servers.moods.extend(
        [None, sends("<html><head><title>x</title></head><body><p><b>Error</b>: parse error in line 1</p></body></html>", 400)]
    )
    with pytest.raises(FetchError, match='400 Bad Request: "Error : parse error in line 1"'):
        get(city)


def test_without_internet(city: Path, servers: MapServers, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for key in ("geocoder", "server"):
        text = city.read_text(encoding="utf-8").replace(f'{key} = "{servers.address}', f'{key} = "http://127.0.0.1:{port}')
        city.write_text(text, encoding="utf-8")
        assert main(["fetch", str(city), "--quiet"]) == 5
        said = capsys.readouterr().err
        assert said.startswith(f"error: http://127.0.0.1:{port}/")
        assert said.count("\n") == 1
        assert "cannot be reached (Connection refused); this needs the internet" in said
        assert "Without internet: get an extract of the city (.osm.pbf)" in said
        assert 'file = "data/city.osm.pbf"' in said
        write(city.parent, servers)


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("no_proxy")
def test_a_name_that_nobody_resolves(city: Path, servers: MapServers, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    city.write_text(city.read_text(encoding="utf-8").replace(servers.geocoder, "https://nominatim.example"), encoding="utf-8")
    waits: list[float] = []
    with pytest.raises(FetchError, match=r"nominatim\.example: cannot be reached \(Name or service not known\).*Without internet"):
        get(city, waits)
    assert not waits


@pytest.mark.usefixtures("no_proxy")
def test_a_proxy_that_is_not_there_is_named(city: Path, servers: MapServers, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{taken.getsockname()[1]}")
    city.write_text(city.read_text(encoding="utf-8").replace(servers.geocoder, "https://nominatim.example"), encoding="utf-8")
    with pytest.raises(FetchError, match=r"the proxy of this machine does not let through \(Connection refused\); check HTTPS_PROXY"):
        get(city)


def test_a_server_of_another_kind_behind_https(city: Path, servers: MapServers) -> None:
    """Https is asked of a server that speaks http only."""
    address = servers.geocoder.replace("http://", "https://")
    city.write_text(city.read_text(encoding="utf-8").replace(servers.geocoder, address), encoding="utf-8")
    with pytest.raises(FetchError, match=r"its certificate cannot be trusted|cannot be reached|the connection is lost") as raised:
        get(city)
    assert "\n" not in str(raised.value)


def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(city: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert get(city).new


# Nobody else asks.


def test_a_run_never_fetches(city: Path, servers: MapServers, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(city), "--quiet"]) == 3
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert 'place = "试城" is not fetched yet' in said
    assert f'"spatial fetch {city}" gets it and needs the internet. Without internet: get an extract' in said
    assert not servers.asked
    done = get(city)
    done.outline.unlink()
    with pytest.raises(SourceError, match=f"{done.outline.name} is not in"):
        open_city(city)
    assert get(city).new


def test_a_run_after_a_fetch_touches_no_network_and_loads_none_of_its_rooms(city: Path) -> None:
    get(city)
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('the network is touched')\n"
        "socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse\n"
        "from spatial.cli import main\n"
        f"code = main(['run', {str(city)!r}, '--quiet', '--metrics', 'road_area_ratio'])\n"
        "print(code, [m for m in ('osmnx', 'spatial.sources.overpass', 'spatial.fetch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "0 []", done.stderr


def test_osmnx_keeps_its_own_settings_and_leaves_nothing_behind(
    city: Path, servers: MapServers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from osmnx import settings

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setattr(settings, "log_file", True)
    before = {name: getattr(settings, name) for name in dir(settings) if not name.startswith("_")}
    get(city)
    write(city.parent, servers, name="Atlantis")
    with pytest.raises(FetchError):
        get(city)
    assert {name: getattr(settings, name) for name in before} == before
    assert not list(elsewhere.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "plan"]


# What is asked for.


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a/b\\c:d*?", "试" * 150, "CON", "$(rm -rf ~)", '"];node(1);out;("', "<script>alert(1)</script>", "😀 a", "..", "a" * 200,
     "İstanbul", "ﬁ㎞", "-rf", "x%00y", "&&", "'; DROP"],
)  # fmt: skip
def test_hostile_place_names(tmp_path: Path, servers: MapServers, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path / "plan", servers, name=name)
    servers.places[name] = [place(name)]
    if not any(letter.isalnum() for letter in name):
        assert main(["fetch", str(path)]) == 2
        assert "is no name" in capsys.readouterr().err
        return
    done = get(path)
    assert servers.asked[0] == name
    assert done.path.parent == path.parent / "data"
    assert len(done.path.name.encode()) < 200
    assert not set(done.path.name) & set('/\\:*?"<>|$() ')
    assert name not in servers.queries()[0]
    assert len(open_city(path).frame("roads")) == 3


def test_two_names_that_look_alike_have_two_files(tmp_path: Path, servers: MapServers) -> None:
    names = ["a b", "a-b", "A B", "a  b"]
    assert len({parse_project(write(tmp_path / "plan", servers, name=name)).osm for name in names}) == 4


def test_nothing_to_fetch(tmp_path: Path, servers: MapServers) -> None:
    (tmp_path / "city.toml").write_text('[osm]\nfile = "data/city.osm"\n', encoding="utf-8")
    with pytest.raises(OptionError, match="there is nothing to fetch"):
        get(tmp_path)


def test_a_polygon_must_be_one(tmp_path: Path, servers: MapServers) -> None:
    path = write(tmp_path / "plan", servers, 'polygon = "outline.geojson"', name="")
    with pytest.raises(SourceError, match="no such file"):
        get(path)
    gpd.GeoDataFrame(geometry=[shapely.Point(125, 43)], crs="EPSG:4326").to_file(path.parent / "outline.geojson")
    with pytest.raises(LayerError, match="must hold polygons, the outline of the city; it holds Point"):
        get(path)


def test_a_country_is_no_city(city: Path, servers: MapServers) -> None:
    servers.places["试城"] = [place(outline=shapely.box(75, 20, 130, 50))]
    with pytest.raises(FetchError, match=r"is too large: \d+ requests of 20 km, more than 600; a city is meant"):
        get(city)
    assert not servers.queries()


def test_the_margin_is_metres_on_the_ground() -> None:
    box = box_around(shapely.box(125, 43, 126, 44), 2000)
    geod = __import__("pyproj").Geod(ellps="WGS84")
    for lat in (43.0, 44.0):
        for edge, own in ((box[0], 125.0), (box[2], 126.0)):
            assert 2000 <= geod.line_length([edge, own], [lat, lat]) < 2100
    assert 2000 <= geod.line_length([125, 125], [box[1], 43.0]) < 2020
    assert box_around(shapely.box(-180, -90, -179, 90), 2000) == (-180.0, -90.0, pytest.approx(-177.2, abs=0.01), 90.0)
    with pytest.raises(FetchError, match="antimeridian"):
        box_around(shapely.box(-179, 1, 179, 2), 0)


@pytest.mark.parametrize("box", [BOX, (125.0, 43.1234567, 126.7654321, 45.0), (-1.0, -1.0, 1.0, 1.0), (0.0, 60.0, 0.0000001, 60.0000001)])
@pytest.mark.parametrize("size_m", [700.0, 20_000.0])
def test_tiles_fill_the_box_without_gap_or_overlap(box: Any, size_m: float) -> None:
    if (box[2] - box[0]) * 111_320 / size_m > 200:
        size_m = 20_000.0
    tiles = tiles_of(box, size_m)
    west, south, east, north = (list(edge) for edge in zip(*tiles, strict=True))
    assert (min(west), min(south), max(east), max(north)) == box
    shapes = shapely.box(west, south, east, north)
    assert shapely.union_all(shapes).equals(shapely.box(*box))
    assert sum(shapely.area(shapes)) == pytest.approx(shapely.box(*box).area, rel=1e-9)
    geod = __import__("pyproj").Geod(ellps="WGS84")
    for left, low, right, high in tiles[:: max(1, len(tiles) // 50)]:
        for lat in (low, high):
            assert geod.line_length([left, right], [lat, lat]) <= size_m * 1.004
        assert geod.line_length([left, left], [low, high]) <= size_m * 1.001


def test_the_command(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fetch", str(city.parent)]) == 0
    told = capsys.readouterr()
    assert 'place = "试城" is taken for 试城, 吉林省, 中国 (relation 220100)' in told.out
    assert "fetched" in told.out
    assert "ODbL" in told.out
    assert "fetch tile 1 of 1" in told.err
    assert main(["fetch", str(city.parent), "--quiet"]) == 0
    told = capsys.readouterr()
    assert "is there already, nobody was asked" in told.out
    assert not told.err


def test_a_packed_answer_is_unpacked_and_a_bomb_is_not(city: Path, servers: MapServers) -> None:
    import gzip

    def packed(handler: Any, answer: bytes) -> None:
        sends(gzip.compress(answer), Content_Encoding="gzip")(handler, answer)

    servers.moods.extend([packed, packed])
    assert get(city).new
    assert len(open_city(city).frame("roads")) == 3
    bomb = gzip.compress(b" " * 50_000_000)
    servers.moods.extend([None, *[sends(bomb, Content_Encoding="gzip")] * 9])
    with pytest.raises(FetchError, match="more than the 1000000 bytes that are taken"):
        get(city, again=True, patience=Patience(answer_bytes=1_000_000))


@pytest.mark.usefixtures("small_tiles")
def test_an_interrupted_fetch_goes_on_where_it_stopped(city: Path, servers: MapServers, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    servers.moods.extend([None, *[None] * 4, sends("", 429)])
    with pytest.raises(KeyboardInterrupt):
        fetch_osm(city, patience=QUICK, sleep=interrupt)
    names = files(city.parent)
    assert len([name for name in names if name.endswith(".osm")]) == 4
    assert not [name for name in names if "/." in name.removeprefix(".")]  # nothing half written
    assert get(city).asked == 8


def test_a_damaged_file_is_fetched_anew(city: Path) -> None:
    done = get(city)
    whole = done.path.read_bytes()
    for damage in (b"", b"not a file", whole[:20]):
        done.path.write_bytes(damage)
        assert get(city).new
        assert done.path.read_bytes() == whole


def test_check_says_what_is_not_fetched(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(city), "--quiet", "--lang", "en"]) == 3
    assert "is not fetched yet" in " ".join(capsys.readouterr().out.split())
    get(city)
    assert main(["check", str(city), "--quiet", "--lang", "en"]) == 0


def test_a_folder_that_cannot_be_written(city: Path, servers: MapServers, capsys: pytest.CaptureFixture[str]) -> None:
    (city.parent / "data").write_text("a file where a folder should be", encoding="utf-8")
    assert main(["fetch", str(city), "--quiet"]) == 4
    assert "cannot be written" in capsys.readouterr().err
    (city.parent / "data").unlink()
    (city.parent / PARTS_FOLDER).rename(city.parent / "kept")
    (city.parent / PARTS_FOLDER).write_text("another", encoding="utf-8")
    assert main(["fetch", str(city), "--quiet"]) == 4


@pytest.mark.usefixtures("small_tiles")
def test_a_full_disk_costs_no_answer(city: Path, servers: MapServers, monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource", reason="this system cannot limit the size of files")
    import signal

    merge = fetch_room.merge_answers

    def on_a_full_disk(*given: Any) -> int:
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, most))
        try:
            return merge(*given)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
            signal.signal(signal.SIGXFSZ, before)

    with monkeypatch.context() as patch:
        patch.setattr(fetch_room, "merge_answers", on_a_full_disk)
        with pytest.raises(SourceError, match=r"the answers cannot be merged .* free some space if the disk is full"):
            get(city)
    assert not list(city.parent.rglob("*.osm.gz"))
    assert len(list(city.parent.rglob("*.osm"))) == 12
    asked = len(servers.asked)
    assert get(city).new
    assert len(servers.asked) == asked


# What an answer must say, and where it must lie.

HEAD = '<osm version="0.6"><meta osm_base="2024-04-10T00:00:00Z"/>'


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ('<osm version="0.6"/>', "answers with OSM data without <meta osm_base=…>"),
        (
            f'{HEAD}<node id="1" version="1" timestamp="2024-01-01T00:00:00Z" lat="10" lon="10"/></osm>',
            "answers with data of another place",
        ),
        (
            f'{HEAD}<node id="1" version="1" timestamp="2099-01-01T00:00:00Z" lat="43.91" lon="125.31"><tag k="amenity" v="school"/></node></osm>',
            "answers with edits of 2099-01-01, after tomorrow",
        ),
    ],
)
def test_a_whole_answer_to_another_question_is_told_and_not_kept(city: Path, servers: MapServers, answer: str, said: str) -> None:
    servers.moods.extend([None, sends(answer)])
    with pytest.raises(FetchError, match=said):
        get(city)
    assert not list(city.parent.rglob("*.osm*"))
    assert get(city).new


@pytest.mark.usefixtures("small_tiles")
def test_one_tile_of_many_that_is_no_answer_is_told(city: Path, servers: MapServers) -> None:
    servers.moods.extend([None, None, None, sends('<osm version="0.6"/>')])
    with pytest.raises(FetchError, match=r"without <meta osm_base=…>.*2 answers are kept"):
        get(city)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize(("day", "told"), [("2024-04-10T23:00:00Z", False), ("2024-04-12T00:00:00Z", True), ("a text", False)])
def test_tiles_of_different_days_are_told(city: Path, servers: MapServers, day: str, told: bool) -> None:
    def of_another_day(handler: Any, answer: bytes) -> None:
        well(handler, answer.replace(b"2024-04-10T00:00:00Z", day.encode()))

    servers.moods.extend([None, None, of_another_day])
    said = " ".join(get(city).said)
    assert ("the answers show the map from 2024-04-10 to 2024-04-12" in said) == told
    assert ("the map from" in said) == told


def test_a_number_of_many_digits_of_the_geocoder() -> None:
    sent = place() | {"lat": "?"}
    with pytest.raises(FetchError, match="answers with what is no list of places"):
        read_places(json.dumps([sent]).replace('"?"', "1" + "0" * 400).encode(), "x")


# What else lies in the folder of an unfinished fetch.


def unfinished(city: Path) -> Path:
    request = parse_project(city).request
    assert request
    return city.parent / PARTS_FOLDER / request.kept.name.removesuffix(".osm.gz")


@pytest.mark.parametrize("outer", [False, True])
def test_a_link_in_its_place_is_refused(city: Path, servers: MapServers, tmp_path: Path, outer: bool) -> None:
    """Nothing behind it is removed, however old, and nobody is asked."""
    mine, parts = tmp_path / "mine", unfinished(city)
    (mine / parts.name).mkdir(parents=True)
    (mine / "outline.geojson").write_text("x")
    os.utime(mine / "outline.geojson", (1, 1))
    link = parts.parent if outer else parts
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(mine)
    with pytest.raises(OutputError, match=r"is a link, and answers are not kept behind one; remove it"):
        get(city)
    assert files(mine) == ["outline.geojson"]
    assert (mine / parts.name).is_dir()
    assert servers.asked == []


def test_old_things_of_somebody_else_stay_and_are_no_hindrance(city: Path) -> None:
    parts = unfinished(city)
    (parts / "sub").mkdir(parents=True)
    (parts / "notes.osm").write_text("x")
    (parts / "0123456789abcdef.osm").write_text("old answer")
    for entry in parts.iterdir():
        os.utime(entry, (1, 1))
    assert get(city).new
    assert sorted(entry.name for entry in parts.iterdir()) == ["notes.osm", "sub"]


@pytest.mark.parametrize(
    "staged", ["", "{", '{"type":"FeatureCollection","features":[]}', '{"features":[{"properties":{"name":1}}]}', "[1]"]
)
def test_a_damaged_outline_of_an_unfinished_fetch_is_asked_for_anew(city: Path, servers: MapServers, staged: str) -> None:
    parts = unfinished(city)
    parts.mkdir(parents=True)
    (parts / "outline.geojson").write_text(staged)
    assert get(city).new
    assert servers.asked[0] == "试城"


@pytest.mark.parametrize("where", ["shutil.copyfile", "_geojson"])
def test_a_disk_that_is_full_is_told_without_an_option_that_fetch_has_not(
    city: Path, monkeypatch: pytest.MonkeyPatch, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(f"spatial.fetch.{where}", full)
    assert main(["fetch", str(city), "--quiet"]) == 4
    said = capsys.readouterr().err
    assert "no space left; free some or copy the project to a folder that can be written, and fetch there" in said
    assert "--out" not in said
