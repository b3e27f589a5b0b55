"""Files and folders that are whole or absent, and fingerprints that see every part of an input."""

import errno
import os
from pathlib import Path

import pytest

from spatial.errors import OutputError, SourceError
from spatial.files import atomic_path, fingerprint, staged_folder, writing


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "table.csv"
    with atomic_path(target) as part:
        part.write_text("half")
        assert not target.exists()
        part.write_text("whole")
    assert target.read_text() == "whole"
    assert listing(tmp_path / "new") == ["table.csv"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError("x")])
def test_a_failure_keeps_the_former_file(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "table.csv"
    target.write_text("former")

    def write() -> None:
        with atomic_path(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write()
    assert target.read_text() == "former"
    assert listing(tmp_path) == ["table.csv"]


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "out" / "run"
    with staged_folder(target) as stage:
        (stage / "a").write_text("1")
        assert not target.exists()
    assert listing(tmp_path) == ["out", "out/run", "out/run/a"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError("x")])
@pytest.mark.parametrize("former", [False, True])
def test_a_failure_leaves_the_place_as_it_was(tmp_path: Path, error: BaseException, former: bool) -> None:
    target = tmp_path / "out" / "run"
    if former:
        target.mkdir(parents=True)
        (target / "a").write_text("former")
    before = listing(tmp_path)

    def write() -> None:
        with staged_folder(target, replace=True) as stage:
            (stage / "a").write_text("half")
            raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write()
    assert listing(tmp_path) == before
    assert not former or (target / "a").read_text() == "former"


def test_an_error_names_the_folder_and_not_its_stage(tmp_path: Path) -> None:
    def write() -> None:
        with staged_folder(tmp_path / "run") as stage, atomic_path(stage / "a.csv"):
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OutputError) as caught:
        write()
    assert str(caught.value).startswith(f"{tmp_path / 'run' / 'a.csv'}: cannot be written: no space left")


def test_only_a_folder_that_may_be_replaced_is(tmp_path: Path) -> None:
    target = tmp_path / "run"
    target.mkdir()
    with staged_folder(target) as stage:  # empty
        (stage / "a").write_text("1")
    with pytest.raises(OutputError, match="the folder is not empty"), staged_folder(target) as stage:
        (stage / "a").write_text("2")
    assert (target / "a").read_text() == "1"
    with staged_folder(target, replace=True) as stage:
        (stage / "b").write_text("3")
    assert listing(tmp_path) == ["run", "run/b"]


@pytest.mark.parametrize("error", [OSError(errno.EACCES, "no"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", [1, 2])
def test_an_interrupted_swap_keeps_the_former_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, at: int
) -> None:
    """Where the system cannot exchange folders: the first rename puts the former one aside, the second the new one in place; whichever is cut
    short, one stands there."""
    monkeypatch.setattr("spatial.files._exchange", lambda one, other: False)
    target = tmp_path / "run"
    target.mkdir()
    (target / "a").write_text("former")
    rename, calls = Path.rename, []

    def cut(self: Path, to: Path) -> Path:
        calls.append(to)
        if len(calls) == at and at == 2:
            raise error
        done = rename(self, to)
        if len(calls) == at:
            raise error
        return done

    monkeypatch.setattr(Path, "rename", cut)
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)), staged_folder(target, replace=True) as stage:
        (stage / "a").write_text("new")
    assert (target / "a").read_text() == "former"
    assert listing(tmp_path) == ["run", "run/a"]


def test_an_error_of_ours_is_not_dressed_up_as_one_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="broken"), writing(tmp_path):
        raise SourceError("broken")


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no space left"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "no permission"),
        (errno.EROFS, "read-only"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_what_the_disk_says(number: int, said: str) -> None:
    with pytest.raises(OutputError, match=said), writing(Path("out")):
        raise OSError(number, os.strerror(number))


def test_a_fingerprint_sees_every_part(tmp_path: Path) -> None:
    shape = tmp_path / "a.SHP"
    gdb = tmp_path / "a.gdb"
    gdb.mkdir()
    seen = set()
    for part in ("a.SHP", "a.DBF", "a.prj", "a.cpg", "a.shx"):
        (tmp_path / part).write_text(part)
        seen.add(fingerprint(shape))
    (tmp_path / "a.DBF").write_text("changed")
    seen.add(fingerprint(shape))
    assert len(seen) == 6
    (tmp_path / "a.txt").write_text("no part of it")
    assert fingerprint(shape) in seen

    raster = tmp_path / "a.tif"
    raster.write_text("x")
    before = fingerprint(raster)
    (tmp_path / "a.tif.msk").write_text("mask")
    assert fingerprint(raster) != before

    sides = "a.TAB .dat .MAP .id .ind|b.mif .mid|c.gpkg .gpkg-wal .gpkg-journal|d.sqlite .sqlite-wal|e.db .db-wal|f.asc .prj|g.img .ige .img.aux.xml"
    for group in sides.split("|"):
        name, *beside = group.split()
        (tmp_path / name).write_text("x")
        seen = {fingerprint(tmp_path / name)}
        for side in beside:
            (tmp_path / f"{name[0]}{side}").write_text("x")
            seen.add(fingerprint(tmp_path / name))
        assert len(seen) == 1 + len(beside), group

    (gdb / "x.gdbtable").write_text("1")
    before = fingerprint(gdb)
    (gdb / "x.lock").write_text("somebody has it open")
    assert fingerprint(gdb) == before
    (gdb / "x.gdbtable").write_text("2")
    assert fingerprint(gdb) != before


def test_a_fingerprint_needs_a_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"absent: cannot be read .*; check the path and the permissions"):
        fingerprint(tmp_path / "absent")
