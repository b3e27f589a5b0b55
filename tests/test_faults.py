"""Runs that are killed, meet one another or run out of space: what stands there is a whole run or nothing, and a rerun gives the same bytes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spatial.cli import main
from spatial.files import MARKER, OLD, PART, PARTIAL, PROBE, staged_folder, tidy
from tests.small_city import project
from tests.spatial_process import FEW, assert_whole, city, environment, latest, spatial, start, tables


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[bytes], float]:
    """The tables of a run that nothing disturbs, and how long it takes."""
    path = city(tmp_path_factory.mktemp("undisturbed"))
    began = time.monotonic()
    done = spatial("run", path, *FEW)
    span_s = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    return tables(latest(path)), span_s


def visible(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*") if not path.name.startswith(".")) if folder.is_dir() else []


def hidden(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


# Kill −9: half of the points are drawn from the span of a run; the others follow the sign of a step by a few milliseconds.

SIGNS = (
    ".spatial-cache",
    ".spatial-cache/.part-*",
    ".spatial-cache/.part-*/[p-w]*.parquet",
    ".spatial-cache/[!.]*",
    f"out/.*{PARTIAL}",
    f"out/.*{PARTIAL}/*/metrics.csv",
    f"out/.*{PARTIAL}/*/*city*",
    f"out/.*{PARTIAL}/*/*map*",
    f"out/.*{PARTIAL}/*/run.json",
    "out/[!.]*",
)
DRAWN = [(seed, None, seed % 2 == 0) for seed in range(5)]
AIMED = [(seed, sign, seed % 2 == 1 and not sign.startswith("out/[")) for seed, sign in enumerate(SIGNS)]


@pytest.mark.parametrize(("seed", "sign", "former"), [*DRAWN, *AIMED])
def test_kill_9(tmp_path: Path, undisturbed: tuple[list[bytes], float], seed: int, sign: str | None, former: bool) -> None:
    """Also where an earlier run stands, in whose place the killed one would have put itself."""
    wanted, span_s = undisturbed
    chance = random.Random(seed)
    path = city(tmp_path)
    out = tmp_path / "out"
    if former:
        assert main(["run", str(path), *FEW, "--no-cache"]) == 0
    with start("run", path, *FEW) as run:
        if sign is None:
            time.sleep(chance.uniform(0.1, 0.95) * span_s)
        else:
            while run.poll() is None and not any(tmp_path.glob(sign)):
                time.sleep(0.0005)
            assert run.poll() is None, f"the run ended before {sign} was seen"
            time.sleep(chance.uniform(0, 0.01))
        run.send_signal(signal.SIGKILL)
        _, said = run.communicate()
    assert run.returncode in (-signal.SIGKILL, 0), said

    whole = [entry for entry in visible(out) if entry.name != "latest.json"]
    for entry in whole:
        assert_whole(entry)
        assert tables(entry) == wanted
    assert len(whole) == 1 or not former
    if (out / "latest.json").exists():
        assert latest(path) in whole
    assert main(["run", str(path), *FEW]) == 0
    assert_whole(latest(path))
    assert tables(latest(path)) == wanted
    assert len(visible(out)) == 2


# A swap that is cut in two, and what killed runs leave.


def test_folders_are_exchanged_in_one_step(tmp_path: Path) -> None:
    """Whoever looks while one run replaces another finds a whole one at every moment."""
    from spatial.files import _exchange

    target = tmp_path / "run"
    target.mkdir()
    (tmp_path / "other").mkdir()
    if not _exchange(target, tmp_path / "other"):
        pytest.skip("this system or disk cannot exchange two folders in one step")
    (tmp_path / "other").rmdir()
    (target / "a").write_text("former")
    looks = "import os, sys\nprint(flush=True)\nwhile os.path.isdir(sys.argv[1]): pass"
    with subprocess.Popen([sys.executable, "-c", looks, str(target)], stdout=subprocess.PIPE) as looking:
        assert looking.stdout
        looking.stdout.readline()
        for number in range(200):
            with staged_folder(target, replace=True) as stage:
                (stage / "a").write_text(str(number))
        found = looking.poll()
        looking.kill()
    assert found is None, "there was a moment without the folder"
    assert (target / "a").read_text() == "199"
    assert hidden(tmp_path) == []


CUT = """
import os, signal, sys
from pathlib import Path
import spatial.files
spatial.files._exchange = lambda one, other: False
rename, calls = Path.rename, []
def cut(self, to):
    done = rename(self, to)
    os.kill(os.getpid(), signal.SIGKILL)
Path.rename = cut
from spatial.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("out", [(), ("--out", "o" * 60)])
def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path, undisturbed: tuple[list[bytes], float], out: tuple[str, ...]) -> None:
    """Where the disk cannot exchange folders: the former run lies aside, and the next run puts it back before it does anything else."""
    wanted, _ = undisturbed
    path = city(tmp_path / "plan")
    arguments = ["run", str(path), *FEW, *out, "--no-cache"]
    assert spatial(*arguments, cwd=tmp_path).returncode == 0
    place = tmp_path / out[1] if out else latest(path)
    done = subprocess.run([sys.executable, "-c", CUT, *arguments], env=environment(), cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not place.exists()
    tidy(place.parent)
    assert_whole(place)
    assert tables(place) == wanted
    assert spatial(*arguments, cwd=tmp_path).returncode == 0
    assert tables(place) == wanted


def test_leftovers_go_after_a_day_and_a_living_run_stays(tmp_path: Path) -> None:
    yesterday = time.time() - 90_000
    kept = [".rsync-partial", ".mine.partial", ".notes.spatial", "visible.spatial-partial"]
    for name in kept:
        (tmp_path / name).mkdir()
    (tmp_path / f".abcdefgh{PROBE}").mkdir()
    for name in (f".run.abcdefgh{PARTIAL}", f".run.ijklmnop{OLD}"):
        (tmp_path / name / "run").mkdir(parents=True)
        (tmp_path / name / "run" / "a").write_text("1")
        (tmp_path / name / MARKER).write_text("run")
    (tmp_path / f".latest.abcdefgh{PART}.json").write_text("{")
    (tmp_path / "run").mkdir()  # it stands, so what lies aside is not needed
    (tmp_path / f".fresh.abcdefgh{PARTIAL}").mkdir()
    for entry in tmp_path.iterdir():
        if "fresh" not in entry.name:
            os.utime(entry, (yesterday, yesterday))
    with staged_folder(tmp_path / "slow") as stage:
        os.utime(stage.parent, (yesterday, yesterday))  # a run of more than a day, or a clock that was wrong
        tidy(tmp_path)
        assert stage.is_dir()
        assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([*kept, "run", f".fresh.abcdefgh{PARTIAL}", stage.parent.name])
    assert hidden(tmp_path) == sorted([*kept[:3], f".fresh.abcdefgh{PARTIAL}"])


def test_what_only_looks_like_a_leftover_stays(tmp_path: Path) -> None:
    """Folders and files of the user whose names hold our marks, or are ours to the letter but not marked inside, and whatever a link leads to."""
    mine = tmp_path / "mine"
    (mine / "photos").mkdir(parents=True)
    (mine / "thesis.docx").write_text("x")
    (mine / MARKER).write_text("photos")
    place = tmp_path / "out"
    folders = [".backup.spatial-old-projects", f".run.abcdefgh{OLD}", f".run.abcdefgh{PARTIAL}", f".abcdefgh{PROBE}", f".run{OLD}"]
    for name in folders:
        (place / name / "photos").mkdir(parents=True)
        (place / name / "thesis.docx").write_text("x")
    (place / f".run{OLD}" / MARKER).write_text("photos")
    (place / f".photos.abcdefgh{OLD}").mkdir()
    (place / f".photos.abcdefgh{OLD}" / MARKER).write_text("../mine")  # the place of something else
    files = [".my.spatial-files.txt", f".notes{PART}.txt", f".a.abcdefghi{PART}"]
    for name in files:
        (place / name).write_text("x")
    links = [f".x{OLD}", f".photos.ijklmnop{OLD}", f".photos.ijklmnop{PARTIAL}", f".photos.ijklmnop{PART}"]
    for name in links:
        (place / name).symlink_to(mine)
    for entry in [*place.iterdir(), mine]:
        os.utime(entry, (1, 1), follow_symlinks=False)
    before = sorted(tmp_path.rglob("*"))
    tidy(place)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_sweeps_what_killed_runs_left(tmp_path: Path) -> None:
    path = city(tmp_path)
    left = tmp_path / "out" / f".2024-04-09-00000000.abcdefgh{PARTIAL}"
    left.mkdir(parents=True)
    os.utime(left, (1, 1))
    assert main(["run", str(path), *FEW]) == 0
    assert hidden(tmp_path / "out") == []


# Two runs into one folder.


@pytest.mark.parametrize("options", [(), ("--out", "o"), ("--out", "o", "--force")])
def test_two_runs_into_one_folder(tmp_path: Path, undisturbed: tuple[list[bytes], float], options: tuple[str, ...]) -> None:
    """Equal runs replace each other, whichever is last; the place holds a whole one at the end."""
    wanted, _ = undisturbed
    path = city(tmp_path / "plan")
    runs = [start("run", path, *FEW, *options, cwd=tmp_path) for _ in range(2)]
    said = [run.communicate()[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    place = tmp_path / "o" if options else latest(path)
    assert_whole(place)
    assert tables(place) == wanted
    assert hidden(place.parent) == []


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Let something happen between the decision where a run goes and the moment when its outputs are whole."""

    def meanwhile(happens: Callable[[], object]) -> None:
        import spatial.outputs.folder as folder

        def write(results: Any, path: Path, *, standing: Any = None) -> Path:
            monkeypatch.undo()
            happens()
            return write_map(results, path)

        write_map = folder.write_map
        monkeypatch.setattr(folder, "write_map", write)

    return meanwhile


def test_what_came_during_the_run_is_not_removed(
    tmp_path: Path, meanwhile: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = city(tmp_path / "plan"), tmp_path / "o"
    assert main(["run", str(path), *FEW, "--out", str(out)]) == 0
    before = tables(out)
    meanwhile(lambda: (out / "notes.docx").write_text("for the mayor"))
    assert main(["run", str(path), *FEW, "--out", str(out)]) == 4
    assert "also holds notes.docx, which a new run would remove" in capsys.readouterr().err
    assert (out / "notes.docx").read_text() == "for the mayor"
    assert tables(out) == before
    assert hidden(tmp_path) == []


def test_a_run_of_other_inputs_that_came_first_stays(
    tmp_path: Path, meanwhile: Callable[[Callable[[], object]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other, out = city(tmp_path / "one"), project(tmp_path / "other"), tmp_path / "o"
    meanwhile(lambda: spatial("run", other, *FEW, "--out", out))
    assert main(["run", str(one), *FEW, "--out", str(out)]) == 4
    assert "holds a run of other inputs" in capsys.readouterr().err
    assert_whole(out)
    assert {entry["layer"] for entry in json.loads((out / "run.json").read_text("utf-8"))["inputs"]} == {"city.toml", "districts"}
    meanwhile(lambda: (out / "more").write_text("x"))
    assert main(["run", str(one), *FEW, "--out", str(out), "--force"]) == 0
    assert_whole(out)


def test_somebody_elses_lock_does_not_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``flock . spatial run …`` in a schedule locks the very folder that a run puts its own into."""
    import fcntl

    monkeypatch.setattr("spatial.files._PATIENCE_S", 0.05)
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with staged_folder(tmp_path / "run") as stage:
            (stage / "a").write_text("1")
    finally:
        os.close(handle)
    assert (tmp_path / "run" / "a").read_text() == "1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop(tmp_path: Path, number: int) -> None:
    """By a real signal while a library writes, which may swallow it: then the run is whole; else it stops, and nothing is left.

    The traceback of an interrupted call is nobody's business.
    """
    for attempt in range(4):
        path = city(tmp_path / str(attempt))
        out = path.parent / "out"
        with start("run", path, *FEW) as run:
            while run.poll() is None and not any(out.glob(f".*{PARTIAL}/*")):
                time.sleep(0.0005)
            run.send_signal(number)
            _, said = run.communicate()
        if run.returncode == 0:  # it came too late, or a callback of a library lost it
            (done,) = [folder for folder in out.iterdir() if folder.is_dir()]
            assert (done / "run.json").is_file()
            continue
        assert run.returncode == 130, said
        assert said == "interrupted; nothing half written is left\n"
        assert not out.exists()
        return
    pytest.fail("four runs in a row did not stop")
