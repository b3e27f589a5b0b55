"""The same input gives the same bytes, wherever and however the process runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.spatial_process import city, spatial, tables

THREADS = ("OMP_NUM_THREADS", "GDAL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "ARROW_NUM_THREADS", "GDAL_CACHEMAX")
WAYS = {
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 2": {"PYTHONHASHSEED": "2", "PYTHONOPTIMIZE": "1"},
    "one thread": dict.fromkeys(THREADS, "1"),
    "four threads, another zone": {**dict.fromkeys(THREADS, "4"), "TZ": "America/St_Johns"},
    "plain locale": {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "TZ": "Asia/Shanghai"},
    "decimal comma": {"LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8"},
    "Chinese": {"LC_ALL": "zh_CN.UTF-8", "LANG": "zh_CN.UTF-8"},
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return city(tmp_path_factory.mktemp("city"))


@pytest.fixture(scope="module")
def wanted(path: Path) -> list[bytes]:
    out = path.parent / "wanted"
    done = spatial("run", path, "--quiet", "--no-cache", "--out", out, variables={"PYTHONHASHSEED": "1"})
    assert done.returncode == 0, done.stderr
    return tables(out)


@pytest.mark.parametrize("way", WAYS)
def test_every_metric(path: Path, wanted: list[bytes], tmp_path: Path, way: str) -> None:
    """From another working directory too; every other way through the cache."""
    cache = [] if list(WAYS).index(way) % 2 else ["--no-cache"]
    done = spatial("run", path, "--quiet", *cache, "--out", "o", cwd=tmp_path, variables=WAYS[way])
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path / "o") == wanted


def test_a_locale_that_exists(path: Path, wanted: list[bytes], tmp_path: Path) -> None:
    """Where the names above are not installed, C would answer for them: one is made, with a decimal comma."""
    if not shutil.which("localedef"):
        pytest.skip("localedef, of Linux, is not there")
    made = subprocess.run(
        ["localedef", "-i", "de_DE", "-f", "UTF-8", str(tmp_path / "de_DE.UTF-8")], check=False, capture_output=True, text=True
    )
    if not (tmp_path / "de_DE.UTF-8").is_dir():
        pytest.skip(f"no locale with a decimal comma can be made here ({made.stderr.strip()[:100]})")
    variables = {"LOCPATH": str(tmp_path), "LC_ALL": "de_DE.UTF-8"}
    done = spatial("run", path, "--quiet", "--no-cache", "--out", "o", cwd=tmp_path, variables=variables)
    assert done.returncode == 0, done.stderr
    assert tables(tmp_path / "o") == wanted
