"""No network is touched but by ``fetch``: with the network cut, under a hook that sees every try, and with files that ask for it."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from spatial.cli import main
from tests.small_city import parks, project, write_raster
from tests.spatial_process import FEW, city, environment, spatial, tables

NAMED_AFTER_A_SERVER = 'source = "https://example.com/parks"\nlicence = "https://creativecommons.org/licenses/by/4.0/"\n'

# Every command that must work without a network, with its arguments; PROJECT is a project whose layers name servers.
COMMANDS: list[tuple[str, ...]] = [
    ("run", "PROJECT", *FEW, "--no-cache"),
    ("run", "PROJECT", "--quiet", "--by", "grid:500"),
    ("check", "PROJECT"),
    ("demo", "demo"),
    ("list",),
    ("list", "layers", "--lang", "zh"),
    ("explain", "road_area_ratio"),
    ("explain", "city.toml"),
    ("init", "new"),
]


@pytest.fixture
def named(tmp_path: Path) -> Path:
    path = city(tmp_path / "plan")
    path.write_text(f"{path.read_text('utf-8')}\n{NAMED_AFTER_A_SERVER}", encoding="utf-8")
    return path


def given(command: tuple[str, ...], path: Path) -> list[str]:
    return [str(path) if word == "PROJECT" else word for word in command]


@pytest.fixture
def cut() -> tuple[str, ...]:
    """What stands before a command that gets no network at all."""
    before = ("unshare", "-n")
    done = subprocess.run([*before, "true"], check=False, capture_output=True, text=True) if shutil.which("unshare") else None
    if done is None or done.returncode:
        pytest.skip(f"the network cannot be cut here: {done.stderr.strip() if done else 'unshare, of Linux, is not there'}")
    return before


def test_the_network_is_really_cut(cut: tuple[str, ...]) -> None:
    tries = [sys.executable, "-c", "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"]
    done = subprocess.run([*cut, *tries], check=False, capture_output=True, text=True)
    assert "Network is unreachable" in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_works_with_the_network_cut(tmp_path: Path, named: Path, cut: tuple[str, ...], command: tuple[str, ...]) -> None:
    done = spatial(*given(command, named), before=cut, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_table_is_the_same_with_the_network_cut(tmp_path: Path, named: Path, cut: tuple[str, ...]) -> None:
    assert spatial("run", named, *FEW, "--out", tmp_path / "cut", before=cut).returncode == 0
    assert spatial("run", named, *FEW, "--out", tmp_path / "connected").returncode == 0
    assert tables(tmp_path / "cut") == tables(tmp_path / "connected")


WATCHED = """
import sys
tries = []
def hook(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "socket.gethostby", "socket.sendto", "urllib.Request", "http.client")):
        tries.append(f"{event} {arguments}"[:200])
sys.addaudithook(hook)
if sys.argv[1] == "try":
    import urllib.request
    try:
        urllib.request.urlopen("http://127.0.0.1:9/")
    except OSError:
        pass
    code = 0
else:
    from spatial.cli import main
    code = main(sys.argv[1:])
print("\\n".join(["", f"tries {len(tries)}", *tries]), file=sys.stderr)
sys.exit(code)
"""


def watched(*arguments: str, cwd: Path) -> str:
    """Run under a hook that notes every try of Python to reach a network; the last lines of what was said."""
    command = [sys.executable, "-c", WATCHED, *arguments]
    done = subprocess.run(command, env=environment(), cwd=cwd, check=False, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stderr[done.stderr.rindex("\ntries ") + 1 :].strip()


def test_the_hook_sees_a_try(tmp_path: Path) -> None:
    said = watched("try", cwd=tmp_path)
    assert "urllib.Request" in said
    assert "socket.connect" in said


# The hook sees every event of Python and makes the demo five times as slow; with the network cut it is run all the same.
@pytest.mark.parametrize("command", [command for command in COMMANDS if command[0] != "demo"], ids=" ".join)
def test_no_command_tries_to_reach_a_network(tmp_path: Path, named: Path, command: tuple[str, ...]) -> None:
    assert watched(*given(command, named), cwd=tmp_path) == "tries 0"


# Local files that ask for something from a server. GDAL reaches out from C, where no hook of Python sees it: a server on the loopback counts.

Server = tuple[str, list[str]]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An address, and what was asked of it."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        do_HEAD = do_POST = do_GET

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_address[1]}", asked
        listening.shutdown()


RING = "125.301,43.901 125.303,43.901 125.303,43.903 125.301,43.901"


def gml(location: str, *, head: str = "", srs: str = "EPSG:4326") -> str:
    return f"""<?xml version="1.0"?>{head}
<ogr:FeatureCollection xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://ogr.maptools.org/ {location}"
 xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml" xmlns:xlink="http://www.w3.org/1999/xlink">
<gml:featureMember><ogr:parks fid="p.1"><ogr:geometryProperty><gml:Polygon srsName="{srs}"><gml:outerBoundaryIs><gml:LinearRing>
<gml:coordinates>{RING}</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs></gml:Polygon></ogr:geometryProperty></ogr:parks>
</gml:featureMember></ogr:FeatureCollection>"""


def kml(url: str) -> str:
    return f"""<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<NetworkLink><Link><href>{url}/more.kml</href></Link></NetworkLink>
<Placemark><name>a</name><styleUrl>{url}/style.kml#s</styleUrl><Polygon><outerBoundaryIs><LinearRing><coordinates>{RING}</coordinates>
</LinearRing></outerBoundaryIs></Polygon></Placemark></Document></kml>"""


def geojson(crs: object) -> str:
    return json.dumps({"type": "FeatureCollection", "crs": crs, "features": json.loads(parks().to_json())["features"]})


def vrt(url: str) -> str:
    source = f"<SrcDataSource>/vsicurl/{url}/parks.geojson</SrcDataSource>"
    return f'<OGRVRTDataSource><OGRVRTLayer name="parks">{source}</OGRVRTLayer></OGRVRTDataSource>' + " " * 5000


def capabilities(url: str) -> str:
    get = f'<ows:HTTP><ows:Get xlink:href="{url}/wfs?"/></ows:HTTP>'
    return f"""<?xml version="1.0"?><wfs:WFS_Capabilities version="1.1.0" xmlns:wfs="http://www.opengis.net/wfs"
 xmlns:ows="http://www.opengis.net/ows" xmlns:xlink="http://www.w3.org/1999/xlink"><ows:OperationsMetadata><ows:Operation name="GetFeature">
<ows:DCP>{get}</ows:DCP></ows:Operation></ows:OperationsMetadata><FeatureTypeList><FeatureType><Name>parks</Name></FeatureType>
</FeatureTypeList></wfs:WFS_Capabilities>"""


def archive(path: Path, text: str, *, alone: bool) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("parks.geojson", text)
        if not alone:
            target.writestr("readme.txt", "a second file")


def geopackage(path: Path, url: str) -> None:
    parks().to_file(path, driver="GPKG")
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE gpkg_spatial_ref_sys SET definition = ? WHERE srs_id = 4326", (f"{url}/srs",))


def shapefile(path: Path, url: str) -> None:
    parks().drop(columns="Level2_cn").to_file(path)
    path.with_suffix(".prj").write_text(f"{url}/prj")


SCHEMA_OF_A_SERVICE = "{url}/wfs?SERVICE=WFS&amp;VERSION=1.1.0&amp;REQUEST=DescribeFeatureType&amp;TYPENAME=parks"
ENTITY = '<!DOCTYPE x SYSTEM "{url}/x.dtd" [<!ENTITY more SYSTEM "{url}/more">]>'
Write = Callable[[Path, str], object]
FILES: dict[str, tuple[str, Write, int, str]] = {
    "schema": ("a.gml", lambda p, url: p.write_text(gml(f"{url}/a.xsd")), 0, ""),
    "schema of a service": ("a.gml", lambda p, url: p.write_text(gml(SCHEMA_OF_A_SERVICE.format(url=url))), 0, ""),
    "schema that is also a CRS": ("a.gml", lambda p, url: p.write_text(gml(f"{url}/a.xsd", srs=f"{url}/crs/4326")), 3, "has no CRS"),
    "document type": ("a.gml", lambda p, url: p.write_text(gml("a.xsd", head=ENTITY.format(url=url))), 0, ""),
    "link to more": ("a.kml", lambda p, url: p.write_text(kml(url)), 0, ""),
    "CRS by link": (
        "a.geojson",
        lambda p, url: p.write_text(geojson({"type": "link", "properties": {"href": f"{url}/crs", "type": "proj4"}})),
        3,
        'its "crs" is a link to the network, which is never followed',
    ),
    "CRS by URL, named last": (
        "a.geojson",
        lambda p, url: p.write_text(geojson({"properties": {"url": f"{url}/crs"}, "type": "URL"})),
        3,
        'remove "crs" from the file and state it: crs = "EPSG:4551"',
    ),
    "CRS by a name that is an address": (
        "a.geojson",
        lambda p, url: p.write_text(geojson({"type": "name", "properties": {"name": f"{url}/def/crs/EPSG/0/4326"}})),
        3,
        "is not known; state the true one",
    ),
    "description of a service": ("a.xml", lambda p, url: p.write_text(capabilities(url)), 3, "describes a web service"),
    "wrapper in an archive": ("a.zip", lambda p, url: archive(p, vrt(url), alone=False), 3, "only names other files"),
    "wrapper alone in an archive": ("a.zip", lambda p, url: archive(p, vrt(url), alone=True), 3, "only names other files"),
    "CRS of a GeoPackage": ("a.gpkg", geopackage, 0, ""),
    "projection of a Shapefile": ("a.shp", shapefile, 3, "has no CRS"),
}


@pytest.mark.parametrize("open_to", ["", "127.0.0.1"], ids=["", "no_proxy"])
@pytest.mark.parametrize("kind", FILES)
def test_no_file_makes_gdal_reach_out(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, open_to: str
) -> None:
    """In another process: what a library keeps from an earlier try would hide the next."""
    url, asked = server
    asked.clear()
    name, write, code, part = FILES[kind]
    path = project(tmp_path, f'[layers.parks]\nfile = "data/{name}"\n')
    write(tmp_path / "data" / name, url)
    done = spatial("run", path, *FEW, "--no-cache", "--out", tmp_path / "o", variables={"no_proxy": open_to})
    assert asked == []
    assert done.returncode == code, done.stderr
    assert part in done.stderr


@pytest.mark.parametrize(
    "file", ["/vsicurl/{url}/a.geojson", "{url}/a.geojson", "/vsis3/bucket/a.gpkg", "WFS:{url}", "/vsizip/vsicurl/{url}/a.zip"]
)
def test_an_address_is_no_file(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], file: str) -> None:
    url, asked = server
    asked.clear()
    path = project(tmp_path, f'[layers.parks]\nfile = "{file.format(url=url)}"\n')
    assert main(["run", str(path), *FEW]) == 3
    assert "no such file; paths are relative to city.toml" in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize("side", [".msk", ".ovr", ".aux.xml"])
def test_no_side_file_of_a_raster_makes_gdal_reach_out(tmp_path: Path, server: Server, side: str) -> None:
    url, asked = server
    asked.clear()
    path = project(tmp_path, '[layers.population]\nfile = "data/p.tif"\n', osm=True)
    raster = write_raster(tmp_path / "data" / "p.tif", np.ones((4, 4)))
    band = f'<VRTRasterBand dataType="Float32" band="1"><SimpleSource><SourceFilename>/vsicurl/{url}/x.tif</SourceFilename></SimpleSource>'
    overview = f'<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">/vsicurl/{url}/o.tif</MDI></Metadata>'
    text = f'<VRTDataset rasterXSize="4" rasterYSize="4">{band}</VRTRasterBand></VRTDataset>'
    raster.with_name(f"p.tif{side}").write_text(f"<PAMDataset>{overview}</PAMDataset>" if side == ".aux.xml" else text)
    done = spatial("run", path, *FEW, "--no-cache")
    assert asked == []
    assert done.returncode == 0, done.stderr


def test_proj_fetches_no_grid() -> None:
    import pyproj.network

    import spatial.crs

    assert spatial.crs.WGS84
    assert not pyproj.network.is_network_enabled()


def test_the_server_sees_gdal_when_it_may(tmp_path: Path, server: Server) -> None:
    """What the tests above rest on: without the package's care GDAL does ask."""
    url, asked = server
    asked.clear()
    path = tmp_path / "a.geojson"
    path.write_text(geojson({"type": "link", "properties": {"href": f"{url}/crs", "type": "proj4"}}))
    command = [sys.executable, "-c", "import pyogrio, sys; pyogrio.read_info(sys.argv[1])", str(path)]
    subprocess.run(command, env={**os.environ, "no_proxy": "127.0.0.1"}, check=False, capture_output=True)
    assert "/crs" in asked


def test_nothing_is_written_beside_an_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """GDAL leaves the schema of a GML file there, which would rule the next reading; one that was received is part of the input."""
    from spatial.files import fingerprint

    path = project(tmp_path, '[layers.parks]\nfile = "data/a.gml"\n')
    source = tmp_path / "data" / "a.gml"
    source.write_text(gml("a.xsd"))
    before = sorted(source.parent.iterdir())
    assert main(["run", str(path), *FEW, "--no-cache"]) == 0
    assert sorted(source.parent.iterdir()) == before
    digest = fingerprint(source)
    source.with_suffix(".xsd").write_text("<schema/>")
    assert fingerprint(source) != digest
