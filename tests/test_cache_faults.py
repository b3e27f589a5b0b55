"""The cache never decides what is right: it cannot be written, is damaged, holds another's entry or another day's, and the table is the same."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spatial.cache import CACHE_FOLDER
from spatial.cli import main
from spatial.project import open_city
from tests.small_city import districts
from tests.spatial_process import FEW, TABLES, city

Say = Callable[..., tuple[str, bytes]]


@pytest.fixture(autouse=True)
def light_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page and the GeoPackage have tests of their own."""

    def write(results: Any, path: Path, *, standing: Any = None) -> Path:
        path.write_text("light", encoding="utf-8")
        return path

    import spatial.outputs.folder

    monkeypatch.setattr(spatial.outputs.folder, "write_map", write)
    monkeypatch.setattr(spatial.outputs.folder, "write_geopackage", write)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Say:
    """Run a project; what was said, and the table."""

    def run(path: Path, *options: str) -> tuple[str, bytes]:
        capsys.readouterr()
        assert main(["run", str(path), *FEW, "--force", "--out", str(tmp_path / "out"), *options]) == 0
        return capsys.readouterr().err, b"".join((tmp_path / "out" / name).read_bytes() for name in TABLES)

    return run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return city(tmp_path / "plan")


def entries(path: Path) -> dict[str, Path]:
    """The entry of each input: by the layers that it holds, where one is held."""
    found = {}
    for entry in (path.parent / CACHE_FOLDER).iterdir():
        names = sorted(part.stem for part in entry.glob("*.parquet"))
        found["osm" if len(names) > 1 else names[0]] = entry
    return found


# It cannot be written.

STEPS = {
    "the folder": "spatial.cache.Path.mkdir",
    "a part": "spatial.cache.tempfile.mkdtemp",
    "a layer": "geopandas.GeoDataFrame.to_parquet",
    "the digest": "spatial.cache.fingerprint",
    "the manifest": "spatial.cache.Path.write_text",
    "the name": "spatial.cache.Path.rename",
    "old entries": "spatial.cache.Path.iterdir",
}
SAID = {
    errno.ENOSPC: "no space left",
    errno.EACCES: "no permission to write there",
    errno.EROFS: "the file system is read-only",
    errno.EIO: os.strerror(errno.EIO),
}


@pytest.mark.parametrize("number", SAID)
@pytest.mark.parametrize("step", STEPS)
def test_a_cache_that_cannot_be_written(path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int) -> None:
    """Whichever step fails: a notice, no half entry, the same layers."""
    import spatial.cache

    plain = open_city(path, cache=False)
    broken = STEPS[step].rpartition(".")[2]

    def save(self: Any, *arguments: Any) -> None:
        def refused(*args: Any, **kwargs: Any) -> Any:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(STEPS[step], refused)
            whole(self, *arguments)

    whole = spatial.cache.LayerStore._save
    monkeypatch.setattr(spatial.cache.LayerStore, "_save", save)
    found = open_city(path)
    said = [notice.en for notice in found.notices]
    assert f"the cache cannot be written ({SAID[number]}); results are not affected" in said, broken
    assert any("缓存无法写入" in notice.zh for notice in found.notices)
    for name, layer in plain.layers.items():
        if layer.frame is not None:
            assert layer.frame.equals(found.layers[name].frame)
    assert not list((path.parent / CACHE_FOLDER).glob(".part-*"))


@contextlib.contextmanager
def nobodys_rights() -> Iterator[None]:
    """Those of a user who may not write everywhere, as root may."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("mode", [0o555, 0o000])
@pytest.mark.parametrize("filled", [False, True])
def test_a_cache_of_somebody_else(mode: int, filled: bool) -> None:
    """A folder that one may only read, or not even that: a notice where something is to be kept, and the same layers."""
    with tempfile.TemporaryDirectory(prefix="plain-user-") as name:  # the folders of pytest are root's alone
        Path(name).chmod(0o755)
        path = city(Path(name) / "plan")
        plain = open_city(path, cache=False)
        cache = path.parent / CACHE_FOLDER
        if filled:
            open_city(path)
        else:
            cache.mkdir()
        cache.chmod(mode)
        with nobodys_rights():
            found = open_city(path)
        cache.chmod(0o755)
    said = [notice.en for notice in found.notices]
    wanted = [] if filled and mode else ["the cache cannot be written (no permission to write there); results are not affected"]
    assert said == wanted
    for layer in plain.layers.values():
        if layer.frame is not None:
            assert layer.frame.equals(found.layers[layer.spec.name].frame)


# It is damaged.


def flip(part: Path, at: float) -> None:
    content = bytearray(part.read_bytes())
    content[min(int(len(content) * at), len(content) - 1)] ^= 0xFF
    part.write_bytes(bytes(content))


@pytest.mark.parametrize("at", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("what", ["flipped", "truncated"])
def test_every_part_of_every_entry(path: Path, run: Say, what: str, at: float) -> None:
    _, wanted = run(path)
    for part in sorted((path.parent / CACHE_FOLDER).glob("*/*")):
        if what == "flipped":
            flip(part, at)
        else:
            part.write_bytes(part.read_bytes()[: int((part.stat().st_size - 1) * at)])
    said, table = run(path)
    assert said.count("a damaged cache entry was rebuilt") == 3  # extract, districts, parks
    assert table == wanted
    said, table = run(path)
    assert "damaged" not in said
    assert table == wanted


def test_a_whole_layer_in_the_place_of_another(path: Path, run: Say) -> None:
    """A file that can be read and is of the wrong layer; and an entry that is whole and stands under the name of another."""
    _, wanted = run(path)
    kept = entries(path)
    shutil.copy(kept["districts"] / "districts.parquet", kept["parks"] / "parks.parquet")
    said, table = run(path)
    assert said.count("a damaged cache entry was rebuilt") == 1
    assert table == wanted

    text = path.read_text("utf-8")
    path.write_text(f"{text}\nwhere = \"Name = '劳动公园'\"\n", encoding="utf-8")
    assert len(open_city(path).frame("parks")) == 1
    other = (set((path.parent / CACHE_FOLDER).iterdir()) - set(kept.values())).pop()
    shutil.rmtree(kept["parks"])
    shutil.copytree(other, kept["parks"])
    path.write_text(text, encoding="utf-8")
    found = open_city(path)
    assert len(found.frame("parks")) == 2
    assert sum("a damaged cache entry was rebuilt" in notice.en for notice in found.notices) == 1


def test_an_entry_of_another_version_is_not_looked_at(path: Path, run: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extract's reader, that of the two local files, and the form of all three entries."""
    _, wanted = run(path)
    count = len(entries(path))
    assert count == 3
    for schema, new in (("READER_SCHEMA", 1), ("FILES_SCHEMA", 2), ("CACHE_SCHEMA", 3)):
        monkeypatch.setattr(f"spatial.cache.{schema}", "another")
        said, table = run(path)
        assert "damaged" not in said
        assert table == wanted
        count += new
        assert len(list((path.parent / CACHE_FOLDER).iterdir())) == count


# What else lies in its place.


def full(folder: Path, count: int = 60) -> list[str]:
    """Folders of somebody else, older than everything."""
    for number in range(count):
        (folder / f"project{number}").mkdir(parents=True)
        (folder / f"project{number}" / "precious.txt").write_text("x")
        os.utime(folder / f"project{number}", (1, 1))
    return sorted(str(entry) for entry in folder.rglob("*"))


def test_what_is_no_entry_is_never_touched(path: Path, run: Say) -> None:
    """Folders of a user in the cache, however many and whatever they are called; and a file that was put into an entry of ours."""
    cache = path.parent / CACHE_FOLDER
    before = full(cache)
    for number in range(30):
        for name in (f"{number:024x}", f".part-{number:08}"):
            (cache / name).mkdir()
            (cache / name / ("manifest.json" if number % 2 else "own.txt")).write_text("{}")
            (cache / name / "precious.txt").write_text("x")
            os.utime(cache / name, (1, 1))
    before = sorted(str(entry) for entry in cache.rglob("*"))
    assert "cache" not in run(path)[0]
    assert set(before) <= {str(entry) for entry in cache.rglob("*")}


@pytest.mark.parametrize("kind", ["link", "link to nothing", "file"])
def test_a_cache_that_is_no_folder(path: Path, run: Say, tmp_path: Path, kind: str) -> None:
    """A link may lead to anything; it is told, and nothing behind it is written or removed."""
    _, wanted = run(path, "--no-cache")
    mine = tmp_path / "mine"
    before = full(mine) if kind == "link" else []
    if kind == "file":
        (path.parent / CACHE_FOLDER).write_text("x")
    else:
        (path.parent / CACHE_FOLDER).symlink_to(mine)
    said, table = run(path)
    assert f"no cache is used: .spatial-cache is {'a file' if kind == 'file' else 'a link'}, not a folder" in said
    assert table == wanted
    assert sorted(str(entry) for entry in mine.rglob("*")) == before
    assert mine.exists() == (kind == "link")


# Clocks and times of files.


def test_the_content_of_an_input_counts_and_not_its_time(path: Path, run: Say) -> None:
    source = path.parent / "data" / "districts.geojson"
    before = source.stat()
    _, wanted = run(path)
    _, text = source.read_bytes(), source.read_text("utf-8")
    source.write_text(districts().assign(name=["甲区一", "乙区一", "丙区一", "丁区一"]).to_json(drop_id=True), encoding="utf-8")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    _, table = run(path)
    assert "甲区一".encode() in table
    source.write_text(text, encoding="utf-8")
    for moment in (0, time.time() + 10 * 365 * 86400):
        os.utime(source, (moment, moment))
        said, table = run(path)
        assert table == wanted
        assert "damaged" not in said


@pytest.mark.parametrize("years", [-30, 30])
def test_a_clock_that_is_wrong_changes_nothing(path: Path, run: Say, monkeypatch: pytest.MonkeyPatch, years: int) -> None:
    """Set between two runs."""
    _, wanted = run(path)
    record = json.loads((path.parents[1] / "out" / "run.json").read_text("utf-8"))
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + years * 365 * 86400)
    said, table = run(path)
    assert (said, table) == ("", wanted)
    again = json.loads((path.parents[1] / "out" / "run.json").read_text("utf-8"))
    for measured in ("steps", "cpu_s"):
        record.pop(measured), again.pop(measured)
    assert again == record


def test_a_clock_that_steps_back_during_a_run(path: Path, run: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every look."""
    _, wanted = run(path, "--no-cache")
    looks = [2_000_000_000.0]

    def backwards() -> float:
        looks[0] -= 86_400 * 30
        return looks[0]

    monkeypatch.setattr(time, "time", backwards)
    assert run(path) == ("", wanted)
    assert run(path) == ("", wanted)


def test_entries_of_the_future_do_not_push_out_what_is_in_use(path: Path, run: Say) -> None:
    """After a clock was set back, forty entries seem newer than everything; this run's stay all the same."""
    folder = path.parent / CACHE_FOLDER
    folder.mkdir()
    for number in range(40):
        entry = folder / f"{number:024x}"
        entry.mkdir()
        (entry / "manifest.json").write_text("{}")
        os.utime(entry, (time.time() + 3e8, time.time() + 3e8))
    future = set(folder.iterdir())
    run(path)
    kept = set(folder.iterdir()) - future
    assert len(kept) == 3
    assert len(future & set(folder.iterdir())) == 15  # six an input, ours among them
    run(path)
    assert set(folder.iterdir()) - future == kept
