"""Coordinates in tables as people write them: what is unambiguous is read, everything else is counted and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely

from spatial.errors import CRSError, LayerError, OptionError, SpatialError
from spatial.project import open_city
from spatial.sources.files import FileOptions, read_vector
from tests.small_city import project, square

LON, LAT = 125 + 19 / 60 + 24 / 3600, 43 + 52 / 60 + 48 / 3600


def read(folder: Path, text: str, *, name: str = "t.csv", **options: str) -> list[tuple[float, float] | None]:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    frame = read_vector(folder / name, FileOptions(**{"crs": "EPSG:4326", **options}), where="stops", wanted=("name",))
    return [None if point is None else (point.x, point.y) for point in frame.geometry]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("125.32333333", "43.88"),
        ("125°19′24″E", "43°52′48″N"),
        ("125°19'24\"E", "43°52'48\"N"),
        ("E125°19′24″", "N43°52′48″"),
        ("125°19′24″", "43°52′48″"),
        ("125° 19′ 24.0″ E", "43° 52′ 48.0″ N"),
        ("125º19’24”", "43º52’48”"),
        ("125°19.4′", "43°52.8′"),
        ("125度19分24秒", "43度52分48秒"),
        ("东经125°19′24″", "北纬43°52′48″"),
        ("125:19:24", "43:52:48"),
        ("125d19m24s", "43d52m48s"),
        ("125.32333333 E", "43.88 N"),
        ("125.32333333°", "43.88°"),
        ("125.32333333e", "43.88n"),
        ("１２５．３２３３３３３３", "４３．８８"),
        ("１２５°１９′２４″", "４３°５２′４８″"),
        (" 125.32333333 ", "\u300043.88\u3000"),
        ("125,32333333", "43,88"),
        ("+125.32333333", "+43.88"),
        ("125.32333333", "4388e-2"),
    ],
)
def test_one_place_in_many_hands(tmp_path: Path, x: str, y: str) -> None:
    quoted = [part.replace('"', '""') for part in (x, y)]
    ((lon, lat),) = read(tmp_path, f'name,x,y\na,"{quoted[0]}","{quoted[1]}"\n')
    assert (lon, lat) == pytest.approx((LON, LAT), abs=1e-8)


@pytest.mark.parametrize(
    ("x", "y", "wanted"),
    [
        ("15°25′48″W", "28°06′36″N", (-15.43, 28.11)),
        ("西经15°25′48″", "28.11", (-15.43, 28.11)),
        ("51.2 W", "30 S", (-51.2, -30.0)),
        ("-15°25′48″", "28°06′36″", (-15.43, 28.11)),
        ("443,000.25", "4,860,000.5", (443000.25, 4860000.5)),
        ("443 000.25", "4 860 000.5", (443000.25, 4860000.5)),
        ("443\u00a0000.25", "4\u2009860\u2009000.5", (443000.25, 4860000.5)),
        ("443000.25m", "4860000.5 米", (443000.25, 4860000.5)),
        ("４４３０００．２５", "４，８６０，０００．５", (443000.25, 4860000.5)),
    ],
)
def test_signs_and_separators(tmp_path: Path, x: str, y: str, wanted: tuple[float, float]) -> None:
    crs = "EPSG:4326" if abs(wanted[0]) < 180 else "EPSG:4551"
    assert read(tmp_path, f'name,x,y\na,"{x}","{y}"\n', crs=crs) == [pytest.approx(wanted, abs=1e-9)]


UNREAD = [
    "",
    "n/a",
    "125°61′24″E",
    "125°19′75″E",
    "125.3.2",
    "1_25.3",
    "-125.3 E",
    "125°19.5′24″",
    "12 53 24",
    "=125.3",
    "一二五",
    "125..3",
]


@pytest.mark.parametrize("text", UNREAD)
def test_what_cannot_be_read_is_a_fault_that_is_counted(tmp_path: Path, text: str) -> None:
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/stops.csv"\ncrs = "EPSG:4326"\n')
    (tmp_path / "data" / "stops.csv").write_text(f"name,x,y\na,125.305,43.905\nb,{text},43.905\n", encoding="utf-8")
    with pytest.raises(LayerError, match=r"stops\.csv: 1 of 2 features have no geometry \(ids 3\)"):
        open_city(path)
    path.write_text(path.read_text("utf-8") + 'on_invalid = "drop"', encoding="utf-8")
    city = open_city(path)
    assert len(city.frame("transit_stops")) == 1
    assert any("features have no geometry: dropped: 1 (id 3 b)" in notice.en for notice in city.notices)


def test_a_comma_is_read_as_the_column_shows(tmp_path: Path) -> None:
    """125,324 alone may be 125.324 or 125324; beside 125,3242 it is a decimal comma, beside 4,860,000 a separator."""
    head = "name;x;y\n"
    with pytest.raises(LayerError, match=r'1 of 1 values in "x", such as 125,324, may be 125\.324 or 125324; write decimal points'):
        read(tmp_path, head + "a;125,324;43.9\n")
    assert read(tmp_path, head + "a;125,324;43.9\nb;125,3242;43.9\n") == [(125.324, 43.9), (125.3242, 43.9)]
    rows = "a;443,000;4,860,000\nb;443,123.5;4,860,001\n"
    assert read(tmp_path, head + rows, crs="EPSG:4551") == [(443000.0, 4860000.0), (443123.5, 4860001.0)]
    with pytest.raises(LayerError, match="may be"):
        read(tmp_path, head + "a;125,324;43.9\nb;125,3242;43.9\nc;1,125,324;43.9\n")


def test_decimal_commas_between_semicolons(tmp_path: Path) -> None:
    assert read(tmp_path, "name;x;y\na;125,3242;43,8812\nb;125,3250;43,8800\n") == [(125.3242, 43.8812), (125.325, 43.88)]


@pytest.mark.parametrize(("rows", "column"), [("a,43.9 N,125.3 E", "x"), ("a,43°54′N,125°18′E", "x"), ("a,北纬43.9,东经125.3", "x")])
def test_hemispheres_tell_that_the_columns_are_swapped(tmp_path: Path, rows: str, column: str) -> None:
    with pytest.raises(LayerError, match=f'1 of 1 values in "{column}", .* are latitudes: x and y look swapped; write x = "y", y = "x"'):
        read(tmp_path, f"name,x,y\n{rows}\n")
    ((lon, lat),) = read(tmp_path, f"name,x,y\n{rows}\n", x="y", y="x")
    assert (lon, lat) == pytest.approx((125.3, 43.9))


@pytest.mark.parametrize(
    "names", ["经度,纬度", "lon,lat", "LNG,LAT", "东坐标,北坐标", "横坐标,纵坐标", "Easting,Northing", "Longitude,Latitude"]
)
def test_names_of_columns(tmp_path: Path, names: str) -> None:
    assert read(tmp_path, f"name,{names}\na,125.3,43.9\n") == [(125.3, 43.9)]


# Everything in one column.


@pytest.mark.parametrize(
    "place",
    ["POINT (125.3 43.9)", "POINT(125.3 43.9)", "point z (125.3 43.9 212)", "SRID=4326;POINT (125.3 43.9)", "125.3,43.9", "125.3 43.9",
     "125.3; 43.9", "１２５．３，４３．９", "E125.3 N43.9", shapely.to_wkb(shapely.Point(125.3, 43.9), hex=True),
     shapely.to_wkb(shapely.set_srid(shapely.Point(125.3, 43.9), 4326), hex=True, include_srid=True)],
)  # fmt: skip
def test_one_column_holds_the_place(tmp_path: Path, place: str) -> None:
    assert read(tmp_path, f'name,坐标\na,"{place}"\n', geometry="坐标") == [(125.3, 43.9)]


def test_polygons_and_lines_in_a_table(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.parks]\nfile = "data/parks.csv"\ncrs = "EPSG:4326"\ngeometry = "geometry"\n')
    square = "POLYGON ((125.301 43.901, 125.302 43.901, 125.302 43.902, 125.301 43.901))"
    (tmp_path / "data" / "parks.csv").write_text(f'name,geometry\na,"{square}"\nb,"MULTI{square.replace("((", "(((")})"\n')
    assert list(open_city(path).frame("parks").geom_type) == ["Polygon", "MultiPolygon"]
    (tmp_path / "data" / "parks.csv").write_text(f'name,geometry\na,"{square}"\nb,"POLYGON ((125.3 43.9"\nc,\nd,"5"\n')
    with pytest.raises(LayerError, match=r"3 of 4 features have no geometry \(ids 3, 4, 5\)"):
        open_city(path)


def test_the_srid_of_a_table_counts(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('name,g\na,"SRID=4551;POINT (443000 4860000)"\n')
    frame = read_vector(tmp_path / "t.csv", FileOptions(geometry="g"), where="stops", wanted=("name",))
    assert frame.crs.to_epsg() == 4551
    with pytest.raises(SpatialError, match=r"says EPSG:4551 but city\.toml says"):
        read_vector(tmp_path / "t.csv", FileOptions(geometry="g", crs="EPSG:4326"), where="stops", wanted=("name",))
    (tmp_path / "t.csv").write_text('name,g\na,"SRID=4551;POINT (1 2)"\nb,"SRID=4326;POINT (1 2)"\n')
    with pytest.raises(LayerError, match=r"holds places in 2 CRS \(SRID 4326, 4551\)"):
        read_vector(tmp_path / "t.csv", FileOptions(geometry="g"), where="stops", wanted=("name",))


def test_a_column_of_wkt_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r'which column holds x.*; or, if "wkt" holds the whole place: geometry = "wkt"'):
        read(tmp_path, 'name,wkt\na,"POINT (125.3 43.9)"\n')
    with pytest.raises(OptionError, match='has no column "wkb"; did you mean "wkt"'):
        read(tmp_path, 'name,wkt\na,"POINT (125.3 43.9)"\n', geometry="wkb")


@pytest.mark.parametrize("title", ["长春市地铁站点", "长春市地铁站点,,", "长春市地铁站点,,\n"])
@pytest.mark.parametrize("options", [{}, {"x": "经度", "y": "纬度"}])
def test_a_title_above_the_head_is_told(tmp_path: Path, title: str, options: dict[str, str]) -> None:
    with pytest.raises(SpatialError, match="the head may not be in the first line") as caught:
        read(tmp_path, f"{title}\n名称,经度,纬度\na,125.3,43.9\n", **options)
    assert "Unnamed" not in str(caught.value)


def test_a_column_without_a_name_is_no_title(tmp_path: Path) -> None:
    """As pandas writes its index."""
    with pytest.raises(OptionError, match=r"\(it has name, east, north\)"):
        read(tmp_path, ",name,east,north\n0,a,125.3,43.9\n")


def test_a_table_without_crs_may_be_of_a_map_service(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,x,y\na,125.3,43.9\n")
    with pytest.raises(CRSError, match=r'or datum = "gcj02" for coordinates of Amap or Tencent \("bd09" of Baidu\)'):
        read_vector(tmp_path / "t.csv", FileOptions(), where="stops", wanted=("name",))


def test_people_with_separators(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.population]\nfile = "data/p.csv"\ncrs = "EPSG:4326"\nfield = "count"\n')
    (tmp_path / "data" / "p.csv").write_text(
        'x,y,count\n125.305,43.905,"1,201"\n125.305,43.906,"１，２３４，５６７"\n125.305,43.907,"1,201.5"\n'
    )
    assert list(open_city(path).frame("population")["count"]) == [1201, 1234567, 1201.5]


def test_names_lose_the_spaces_around_them(tmp_path: Path) -> None:
    path = project(tmp_path, '[layers.transit_stops]\nfile = "data/s.csv"\ncrs = "EPSG:4326"\n')
    (tmp_path / "data" / "s.csv").write_text(
        "x,y,name\n125.305,43.905,  人民广场\n125.306,43.905,\u3000解放 大路\u3000\n", encoding="utf-8"
    )
    assert list(open_city(path).frame("transit_stops")["name"]) == ["人民广场", "解放 大路"]


LAND = ["居住用地", "商业服务业用地", "居住用地 ", ""]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            '{ R = "residential", B = "retail" }',
            "keys of values.landuse (of 2) that match no row (R, B; the column holds 居住用地, 商业服务业用地): 2",
        ),
        (
            '{ "居住用地" = "residential", M = "industrial", W = "depot" }',
            "keys of values.landuse (of 3) that match no row (M, W; the column holds 商业服务业用地): 2",
        ),
        ('{ "居住用地" = "residential", M = "industrial" }', None),  # half of them
        ('{ "居住用地" = "residential", "商业服务业用地" = "retail", M = "industrial", W = "depot", S = "road" }', None),  # no row is left
    ],
)
def test_keys_of_values_that_match_nothing_are_told(tmp_path: Path, values: str, said: str | None) -> None:
    path = project(
        tmp_path, f'[layers.landuse]\nfile = "data/l.csv"\ncrs = "EPSG:4326"\ngeometry = "wkt"\nvalues = {{ landuse = {values} }}\n'
    )
    rows = "".join(f'"{square(0.2 * n, 0, 0.1).wkt}",{kind}\n' for n, kind in enumerate(LAND))
    (tmp_path / "data" / "l.csv").write_text(f"wkt,landuse\n{rows}", encoding="utf-8")
    city = open_city(path)
    told = [notice for notice in city.notices if "values.landuse" in notice.en]
    assert [notice.en for notice in told] == ([f"landuse: {said}"] if said else [])
    if said:
        assert told[0].zh.endswith("，2 个")
    else:
        assert list(city.frame("landuse")["landuse"])[::2] == ["residential", "residential"]  # the space after a value is nobody's


def test_geometry_is_for_tables_alone(tmp_path: Path) -> None:
    path = project(tmp_path, 'geometry = "wkt"\n')
    with pytest.raises(OptionError, match="x and y name the coordinate columns of a table"):
        open_city(path)


def test_many_rows_are_quick(tmp_path: Path) -> None:
    """Plain numbers are read at once; 20,000 rows of degrees, minutes and seconds take a moment."""
    rows = "".join(f"a,125°{n % 60}′{n % 59}.5″,43.{n % 1000:03d}\n" for n in range(20_000))
    found = read(tmp_path, "name,x,y\n" + rows)
    assert len(found) == 20_000
    wanted = [125 + n % 60 / 60 + (n % 59 + 0.5) / 3600 for n in range(20_000)]
    assert np.allclose([point[0] for point in found if point], wanted, atol=1e-9)
