"""No space left, in earnest: a small disk of its own, which only root may mount, and a limit on the size of a file, which anybody may set."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spatial.cli import main
from tests.spatial_process import FEW, assert_whole, city, spatial, tables


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of so many kibibytes."""
    mounted: list[Path] = []

    def small_disk(size_kib: int) -> Path:
        folder = tmp_path / f"disk{size_kib}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs", str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"a small disk cannot be mounted here ({done.stderr.strip()})")
        mounted.append(folder)
        return folder

    yield small_disk
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("size_kib", [8, 48, 120, 250, 400])
def test_a_disk_that_is_really_full(
    tmp_path: Path, small_disk: Callable[[int], Path], capsys: pytest.CaptureFixture[str], size_kib: int
) -> None:
    """Whichever output is the first that does not fit."""
    path = city(tmp_path / "plan")
    disk = small_disk(size_kib)
    assert main(["run", str(path), *FEW, "--out", str(disk / "o")]) == 4
    said = capsys.readouterr().err
    assert re.search(r"cannot be written: no space left; free some or choose another folder with --out\n$", said), said
    assert str(disk / "o") in said
    assert list(disk.iterdir()) == []


def test_a_disk_that_fills_up_under_an_earlier_run(tmp_path: Path, small_disk: Callable[[int], Path]) -> None:
    path = city(tmp_path / "plan")
    out = small_disk(1000) / "o"
    assert main(["run", str(path), *FEW, "--out", str(out)]) == 0
    before = tables(out)
    assert main(["run", str(path), *FEW, "--out", str(out)]) == 4  # two do not fit beside each other
    assert_whole(out)
    assert tables(out) == before
    assert [entry.name for entry in out.parent.iterdir()] == ["o"]


def test_a_disk_that_is_full_for_the_cache(tmp_path: Path, small_disk: Callable[[int], Path], capsys: pytest.CaptureFixture[str]) -> None:
    path = city(small_disk(170) / "plan")
    out = tmp_path / "o"
    assert main(["run", str(path), *FEW, "--no-cache", "--out", str(out)]) == 0
    wanted = tables(out)
    capsys.readouterr()
    assert main(["run", str(path), *FEW, "--out", str(out)]) == 0
    assert "notice: the cache cannot be written (no space left); results are not affected" in capsys.readouterr().err
    assert tables(out) == wanted
    assert not list((path.parent / ".spatial-cache").glob(".part-*"))


@pytest.mark.parametrize("limit_kib", [1, 8, 100])
def test_a_file_that_may_not_grow(tmp_path: Path, limit_kib: int) -> None:
    path = city(tmp_path / "plan")
    if not shutil.which("prlimit"):
        pytest.skip("prlimit, of Linux, is not there")
    done = spatial("run", path, *FEW, "--out", tmp_path / "o", before=("prlimit", f"--fsize={limit_kib * 1024}"))
    assert done.returncode == 4, done.stderr
    assert "cannot be written: " in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["plan"]
