"""Files that are whole or absent: atomic writing, staged folders, fingerprints."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from spatial.errors import OutputError, SourceError, SpatialError

SHAPEFILE = (".shx", ".dbf", ".prj", ".cpg")
RASTER_SIDES = (".aux.xml", ".msk", ".ovr")


def fingerprint(path: Path) -> str:
    """SHA-256 of a file with its side files, or of a folder with all its files (a file geodatabase).

    Raises
    ------
    SourceError
        The file does not exist or cannot be read.
    """
    digest = hashlib.sha256()
    try:
        for part in _parts(path):
            with part.open("rb") as stream:
                if part != path:
                    digest.update(part.name.removeprefix(path.stem).encode())
                while block := stream.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}); check the path and the permissions") from error
    return digest.hexdigest()


def _parts(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(part for part in path.rglob("*") if part.is_file() and part.suffix != ".lock")
    ending = path.suffix.lower()
    if ending == ".shp":
        beside = [part for part in path.parent.iterdir() if part.stem == path.stem and part.suffix.lower() in SHAPEFILE]
    elif ending == ".gpkg":
        beside = [path.with_name(f"{path.name}-wal")]  # edits of a program that has the file open
    elif ending in (".tif", ".tiff"):
        beside = [*(path.with_name(path.name + side) for side in RASTER_SIDES), path.with_suffix(".tfw")]
    else:
        beside = []
    return [path, *sorted(part for part in beside if part.is_file() and part.stat().st_size)]


@contextlib.contextmanager
def writing(what: Path) -> Iterator[None]:
    """Turn any failure to write into one clear error that names the place and the remedy.

    Raises
    ------
    OutputError
        No space left, no permission, or another failure of the file system.
    """
    try:
        yield
    except SpatialError:
        raise
    except OSError as error:
        remedy = {
            errno.ENOSPC: "no space left; free some or choose another folder with --out",
            errno.EDQUOT: "the disk quota is used up; free some or choose another folder with --out",
            errno.EACCES: "no permission to write there; choose another folder with --out",
            errno.EPERM: "no permission to write there; choose another folder with --out",
            errno.EROFS: "the file system is read-only; choose another folder with --out",
        }.get(error.errno or 0, f"{error.strerror or error}")
        raise OutputError(f"{what}: cannot be written: {remedy}") from error


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside ``target``; rename it when the block ends well, remove it otherwise.

    Raises
    ------
    OutputError
        The place cannot be written.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem[:40]}.", suffix=target.suffix, dir=target.parent)
        os.close(handle)
        part = Path(name)
        try:
            yield part
            _sync(part)
            part.chmod(0o644)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def staged_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """Give an empty folder beside ``target``; put it in place when the block ends well, remove it otherwise.

    Parameters
    ----------
    target
        Where the folder stands when it is whole.
    replace
        Whether an existing folder is replaced; it is kept until the new one is whole.

    Raises
    ------
    OutputError
        The place cannot be written, or ``target`` exists with content and ``replace`` is false.
    """
    with writing(target):
        if target.exists() and not target.is_dir():
            raise OutputError(f"{target}: is a file; choose a folder with --out")
        made = _make_parents(target)
        try:
            stage = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", suffix=".partial", dir=target.parent))
            try:
                yield stage
                for part in stage.rglob("*"):
                    if part.is_file():
                        _sync(part)
                stage.chmod(0o755)
                _swap(stage, target, replace=replace)
            except OutputError as error:  # told of the place that people know
                raise OutputError(str(error).replace(str(stage), str(target))) from error
            finally:
                shutil.rmtree(stage, ignore_errors=True)
        except BaseException:
            for folder in made:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            raise


def _make_parents(target: Path) -> list[Path]:
    """Make the folders above ``target``; return those that were not there, the innermost first."""
    missing = [folder for folder in target.parents if not folder.exists()]
    target.parent.mkdir(parents=True, exist_ok=True)
    return missing


def _swap(stage: Path, target: Path, *, replace: bool) -> None:
    if not (target.exists() and any(target.iterdir())):
        if target.exists():
            target.rmdir()
        stage.rename(target)
        return
    if not replace:
        raise OutputError(f"{target}: the folder is not empty; choose another --out, or --force to replace it whole")
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", suffix=".old", dir=target.parent))
    old = holder / "old"
    try:
        target.rename(old)
        stage.rename(target)
    finally:  # whatever interrupts, one of the two stands in place, and the old one is removed only when it is the new one
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(holder, ignore_errors=True)


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def refuse_wrappers(path: Path, where: str) -> None:
    """Refuse a file that only names other files, whatever it is called: their changes nobody would notice, and they may lie anywhere.

    Raises
    ------
    SourceError
        The name or the first bytes are those of a GDAL wrapper (VRT, WMS and the like).
    """
    wrapper = path.suffix.lower() == ".vrt"
    if path.is_file() and not wrapper:
        with path.open("rb") as source:
            head = source.read(4096)
        wrapper = any(
            mark in head for mark in (b"<OGRVRT", b"<VRTDataset", b"<GDAL_WMS", b"<WMS_", b"<WCS_", b"<WFS_", b"<OGRWFS", b"<GDAL_")
        )
    if wrapper:
        raise SourceError(f"{where}: a VRT only names other files, whose changes nobody would notice; give those files themselves")
