"""Sites dropped on real cities in a real browser: what the page says is what spatial says, within 0.1 %."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spatial.measurement import measure
from spatial.project import open_city
from spatial.result import Results
from tests.outputs.test_maps_chromium import browser  # noqa: F401
from tests.outputs.what_if_sites import compare, seeded_sites, what_if_page

pytestmark = [pytest.mark.cases, pytest.mark.chromium]

METRICS = ["park_service_coverage", "bus_stop_500m_coverage", "culture_coverage", "childcare_coverage"]
KINDS = ["park", "kindergarten", "culture", "bus_stop"]
TRIALS = [
    ("park", "park_service_coverage", "network_2022_people"),
    ("kindergarten", "childcare_coverage", "kindergarten_network_residents"),
    ("culture", "culture_coverage", "network_residents"),
    ("bus_stop", "bus_stop_500m_coverage", "network_residents"),
]
MOST_BYTES = 3_000_000


@pytest.fixture(scope="module")
def las_palmas(cases: Path, tmp_path_factory: Any) -> tuple[Path, Results]:
    folder, source = tmp_path_factory.mktemp("las_palmas"), cases / "las_palmas"
    (outline,) = source.glob("*EPSG4326.geojson")
    (folder / "city.toml").write_text(
        f'name = "Las Palmas"\n[osm]\nfile = "{source}/las_palmas_20230221.osm.pbf"\n[layers.boundary]\nfile = "{outline}"\n'
        f'[layers.built_up_area]\nfile = "{outline}"\n[layers.population]\nfile = "{source}/population_substitute.tif"\n',
        encoding="utf-8",
    )
    made = measure(open_city(folder), METRICS, by="grid:3000")
    return what_if_page(made, folder, KINDS), made


@pytest.fixture(scope="module")
def harbin(cases: Path, tmp_path_factory: Any) -> tuple[Path, Results]:
    """People are made up: a total, spread over the buildings."""
    folder, source = tmp_path_factory.mktemp("harbin"), cases / "harbin"
    (folder / "city.toml").write_text(
        f'name = "哈尔滨"\n[osm]\nfile = "{source}/harbin_202404.osm.pbf"\n[layers.districts]\nfile = "{source}/districts_230100.json"\n'
        'id = "adcode"\nname = "name"\ndatum = "gcj02"\n[layers.population]\ntotal = 3000000\n',
        encoding="utf-8",
    )
    made = measure(open_city(folder), METRICS)
    return what_if_page(made, folder, ["park", "kindergarten", "bus_stop"]), made


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:  # noqa: F811
    made = browser.new_page(viewport={"width": 1440, "height": 900})
    made.set_default_timeout(120_000)
    yield made
    made.close()


@pytest.mark.parametrize(("kind", "metric", "variant"), TRIALS, ids=lambda each: str(each))
def test_las_palmas(page: Any, las_palmas: tuple[Path, Results], kind: str, metric: str, variant: str) -> None:
    path, made = las_palmas
    assert path.stat().st_size < MOST_BYTES
    said = compare(page, path, made, seeded_sites(made.city, kind, 16, 17), metric, variant)
    assert said["states"].count("counted") >= 8
    assert said["gaining"] >= 2


@pytest.mark.parametrize(("kind", "metric", "variant"), TRIALS[:1], ids=lambda each: str(each))
def test_harbin(page: Any, harbin: tuple[Path, Results], kind: str, metric: str, variant: str) -> None:
    path, made = harbin
    assert path.stat().st_size < MOST_BYTES
    said = compare(page, path, made, seeded_sites(made.city, kind, 10, 19), metric, variant)
    assert said["states"].count("counted") >= 5
    assert said["gaining"] >= 1
