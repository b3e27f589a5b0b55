"""The one projected CRS: chosen from the place, checked, and reached without guessing."""

import numpy as np
import pyproj
import pytest
import shapely

from spatial.crs import check_city_crs, choose_crs, name_of, outside_area_of_use, parse_crs, reproject
from spatial.errors import CRSError

WGS84 = pyproj.CRS("EPSG:4326")
CHANGCHUN = shapely.box(125.1, 43.7, 125.5, 44.0)


@pytest.mark.parametrize(
    ("place", "lon", "lat", "code"),
    [
        ("Changchun", 125.32, 43.90, 4551),
        ("Harbin", 126.64, 45.75, 4551),
        ("Beijing", 116.40, 39.90, 4548),
        ("Kashgar", 75.99, 39.47, 4534),
        ("Fuyuan, the far east of China", 134.3, 48.36, 4554),
        ("Pyongyang", 125.75, 39.02, 32651),
        ("Seoul", 126.98, 37.57, 32652),
        ("Vladivostok", 131.89, 43.12, 32652),
        ("Ulaanbaatar", 106.92, 47.92, 32648),
        ("Hanoi", 105.85, 21.03, 32648),
        ("Las Palmas", -15.43, 28.12, 32628),
        ("Porto Alegre", -51.23, -30.03, 32722),
        ("on the antimeridian", 180.0, -17.0, 32760),
    ],
)
def test_the_zone_of_a_place(place: str, lon: float, lat: float, code: int) -> None:
    assert choose_crs(lon, lat).to_epsg() == code, place


@pytest.mark.parametrize(("lon", "lat"), [(0, 85), (0, -81), (181, 0), (float("nan"), 0), (0, float("inf"))])
def test_no_zone_where_there_is_none(lon: float, lat: float) -> None:
    with pytest.raises(CRSError, match=r'no projected CRS can be chosen .*; state one: crs = "EPSG:'):
        choose_crs(lon, lat)


@pytest.mark.parametrize(("lon", "lat"), [(125.32, 43.90), (-15.43, 28.12), (-51.23, -30.03), (126.98, 37.57)])
def test_a_kilometre_is_a_kilometre(lon: float, lat: float) -> None:
    """1 km in any direction on the ellipsoid = 1000 m ± 0.1 % in the chosen CRS."""
    geod = pyproj.Geod(ellps="WGS84")
    for azimuth in (0, 45, 90, 200):
        east, north, _ = geod.fwd(lon, lat, azimuth, 1000.0)
        line = reproject(np.array([shapely.LineString([(lon, lat), (east, north)])]), WGS84, choose_crs(lon, lat))[0]
        assert shapely.length(line) == pytest.approx(1000, rel=1e-3)


def test_a_crs_that_carries_the_city_is_accepted() -> None:
    for code in (4551, 4550, 32651):
        check_city_crs(pyproj.CRS(code), CHANGCHUN)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (4326, "not a projected CRS in metres"),
        (2263, "not a projected CRS in metres"),
        (4978, "not a projected CRS in metres"),
        (3857, "distorts lengths by up to 390"),
        (4548, "more than 1 ‰"),
        (32622, "is not made for the data's extent"),
    ],
)
def test_an_unfit_crs_is_refused(code: int, said: str) -> None:
    with pytest.raises(CRSError, match=said):
        check_city_crs(pyproj.CRS(code), CHANGCHUN)


def test_the_antimeridian() -> None:
    with pytest.raises(CRSError, match="antimeridian"):
        check_city_crs(pyproj.CRS(32760), shapely.box(-179.9, -17, 179.9, -16))


def point(x: float, y: float) -> np.ndarray:
    return np.array([shapely.Point(x, y)])


@pytest.mark.parametrize(
    ("code", "x", "y"),
    [
        (4610, 125.3, 43.9),  # Xian 1980
        (2383, 500000, 4860000),
        (4214, 125.3, 43.9),  # Beijing 1954: PROJ knows parameters of the Tarim basin and of the sea, none of here
        (2436, 500000, 4860000),
    ],
)
def test_a_datum_that_is_only_guessed_is_refused(code: int, x: float, y: float) -> None:
    with pytest.raises(CRSError, match=rf"EPSG:{code} → EPSG:4326: the datums differ and their relation is not known within 5 m here"):
        reproject(point(x, y), pyproj.CRS(code), WGS84)


@pytest.mark.parametrize(("code", "lon", "lat"), [(4490, 125.3, 43.9), (4258, -3.7, 40.4), (4674, -51.2, -30.0), (4081, -15.4, 28.1)])
def test_a_datum_that_agrees_with_wgs84_is_reached(code: int, lon: float, lat: float) -> None:
    moved = reproject(point(lon, lat), pyproj.CRS(code), WGS84)[0]
    assert (moved.x, moved.y) == pytest.approx((lon, lat), abs=1e-6)


def test_beijing_1954_where_its_parameters_are_known() -> None:
    """Ordos: a shift of tens of metres, with the parameters of the region."""
    moved = reproject(point(109, 38.5), pyproj.CRS(4214), WGS84)[0]
    assert 20 < pyproj.Geod(ellps="WGS84").inv(109, 38.5, moved.x, moved.y)[2] < 150


def test_nothing_to_move() -> None:
    assert not len(reproject(np.empty(0, object), pyproj.CRS(4610), WGS84))


def test_coordinates_that_cannot_be_of_a_crs() -> None:
    """Degrees declared as metres, metres declared as degrees, a neighbouring zone, and a row that is not finite."""
    degrees, metres, nan = [125.3, 43.9, 125.4, 44.0], [443000.0, 4860000.0, 444000.0, 4861000.0], [np.nan] * 4
    rows = np.array([degrees, metres, nan])
    assert list(outside_area_of_use(rows, pyproj.CRS(4551))) == [True, False, False]
    assert list(outside_area_of_use(rows, WGS84)) == [False, True, False]
    assert not outside_area_of_use(np.array([metres]), pyproj.CRS(4550)).any()


def test_unknown_crs() -> None:
    with pytest.raises(CRSError, match=r'parks: crs "EPSG:99999" is not known; write it as "EPSG:4551"'):
        parse_crs("EPSG:99999", where="parks")
    assert name_of(parse_crs("EPSG:4551", where="parks")) == "EPSG:4551"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("+proj=tmerc +lat_0=0 +lon_0=125.35 +x_0=51234.567 +y_0=-4812345.678 +ellps=krass +towgs84=12.5,-98.25", "PROJ"),
        ("proj=tmerc lon_0=125.35 x_0=51234.567 ellps=nobody", "PROJ"),
        ('PROJCS["own",PARAMETER["false_easting",51234.567]', "WKT"),
        ('{"type": "ProjectedCRS", "false_easting": 51234.567', "PROJJSON"),
    ],
)
def test_parameters_of_a_local_grid_are_not_repeated(text: str, kind: str) -> None:
    with pytest.raises(CRSError, match=f"parks: crs, a {kind} text, is not one that PROJ can read") as error:
        parse_crs(text, where="parks")
    assert "51234" not in str(error.value)
    assert error.value.__suppress_context__
