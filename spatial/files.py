"""Files that are whole or absent: atomic writing, staged folders, what killed runs left, fingerprints."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import mmap
import os
import re
import shutil
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from spatial.errors import CRSError, OutputError, SourceError, SpatialError

PARTIAL, OLD, PROBE, PART = ".spatial-partial", ".spatial-old", ".spatial-probe", ".spatial-file"
"""How the names of hidden folders and files end that stand only while a run writes; long, so that nobody else's are taken for them."""

_DAY_S = 86400
_FULL_BYTES = 1 << 20
_PATIENCE_S = 10.0
_HEAD_BYTES = 16384
_MEMBERS = 1000
_WRAPPER = "a VRT only names other files, whose changes nobody would notice; give those files themselves"
_WRAPPERS = (b"<OGRVRT", b"<VRTDataset", b"<GDAL_WMS", b"<WMS_", b"<WCS_", b"<WFS_", b"<OGRWFS", b"<GDAL_")
_SERVICE = re.compile(rb"<(\w+:)?\w*_?Capabilities[\s>]")
_LINKED_CRS = re.compile(rb'"crs"\s*:\s*\{[^{}]*(\{[^{}]*\}[^{}]*)?"type"\s*:\s*"(link|url)"', re.IGNORECASE)
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
    elif ending == ".gml":
        beside = [path.with_suffix(".gfs"), path.with_suffix(".xsd")]
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


def nearly_full(folder: Path) -> bool:
    """Tell whether the disk under a folder has less than 1 MiB left: libraries that write themselves do not always say so."""
    return shutil.disk_usage(folder).free < _FULL_BYTES


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
        handle, name = tempfile.mkstemp(prefix=f".{target.stem[:40]}.", suffix=f"{PART}{target.suffix}", dir=target.parent)
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
def staged_folder(target: Path, *, replace: bool | Callable[[], object] = False) -> Iterator[Path]:
    """Give an empty folder beside ``target``; put it in place when the block ends well, remove it otherwise.

    Parameters
    ----------
    target
        Where the folder stands when it is whole.
    replace
        Whether an existing folder is replaced; it is kept until the new one is whole. A function is asked when the new one is whole, so that
        it sees what stands there by then, and raises where that must stay.

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
            tidy(target.parent)
            with _alone_in(target.parent):
                stage = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", suffix=PARTIAL, dir=target.parent))
                alive = _lock(stage, wait_s=0)
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
                _unlock(alive)
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


def _swap(stage: Path, target: Path, *, replace: bool | Callable[[], object]) -> None:
    with _alone_in(target.parent):
        if not (target.exists() and any(target.iterdir())):
            if target.exists():
                target.rmdir()
            stage.rename(target)
            return
        if callable(replace):
            replace()
        elif not replace:
            raise OutputError(f"{target}: the folder is not empty; choose another --out, or --force to replace it whole")
        if _exchange(stage, target):
            return  # the former folder is now the stage, which its owner removes
        holder = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", suffix=OLD, dir=target.parent))
        old = holder / target.name
        try:
            target.rename(old)
            stage.rename(target)
        finally:  # whatever interrupts, one of the two stands in place, and the old one is removed only when it is the new one
            if old.exists() and not target.exists():
                old.rename(target)
            shutil.rmtree(holder, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, so that there is no moment without either; tell whether the system could (Linux, most disks)."""
    if sys.platform != "linux":
        return False
    at_working_folder, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of <linux/fs.h>
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError):  # an old C library
        return False
    return bool(rename(at_working_folder, os.fsencode(one), at_working_folder, os.fsencode(other), exchange) == 0)


def tidy(folder: Path) -> None:
    """Put back what a killed run had moved aside, and remove what killed runs left, once it is a day old and no living run holds it.

    Parameters
    ----------
    folder
        Where results stand; nothing but hidden files and folders of this package's own names is touched, and what cannot be is left alone.
    """
    if not folder.is_dir():
        return
    with _alone_in(folder):
        for left in sorted(entry for kind in (PARTIAL, OLD, PROBE, PART) for entry in folder.glob(f".*{kind}*")):
            with contextlib.suppress(OSError):
                if left.name.endswith(OLD):
                    _put_back(left)
                if time.time() - left.stat().st_mtime > _DAY_S:
                    _remove_unless_held(left)


def _put_back(holder: Path) -> None:
    """Undo the first of the two renames of a swap whose second one never came."""
    for old in holder.iterdir():
        if not (holder.parent / old.name).exists():
            old.rename(holder.parent / old.name)


def _remove_unless_held(left: Path) -> None:
    if not left.is_dir():
        left.unlink()
    elif (lock := _lock(left, wait_s=0)) is not None:
        shutil.rmtree(left, ignore_errors=True)
        _unlock(lock)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process at a time move folders in ``folder``; whoever else locks it, a script of the user's too, is not waited for in vain."""
    lock = _lock(folder, wait_s=_PATIENCE_S)
    try:
        yield
    finally:
        _unlock(lock)


def _lock(folder: Path, *, wait_s: float) -> int | None:
    """Lock a folder until ``_unlock`` or the end of the process, however it ends.

    Returns
    -------
    int or None
        To hand to ``_unlock``; -1 where the system or the disk knows no such locks; ``None`` when another process holds it all the time.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return -1
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return -1
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return handle
        except BlockingIOError:
            if time.monotonic() >= end:
                os.close(handle)
                return None
            time.sleep(0.02)
        except OSError:  # a disk of the network
            os.close(handle)
            return -1


def _unlock(handle: int | None) -> None:
    if handle is not None and handle >= 0:
        os.close(handle)


def _sync(path: Path) -> None:
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def refuse_wrappers(path: Path, where: str) -> None:
    """Refuse a file that only names other files, or takes a part of itself from the network, whatever it is called and in an archive too.

    Changes of what it names nobody would notice, it may lie anywhere, and no file is a reason to reach out.

    Raises
    ------
    SourceError
        The name or the first bytes are those of a GDAL wrapper (VRT, WMS and the like) or of a web service's description.
    CRSError
        A GeoJSON file whose CRS is a link.
    """
    if path.suffix.lower() == ".vrt":
        raise SourceError(f"{where}: {_WRAPPER}")
    for head in _heads(path):
        if any(mark in head for mark in _WRAPPERS):
            raise SourceError(f"{where}: {_WRAPPER}")
        if _SERVICE.search(head):
            raise SourceError(
                f"{where}: describes a web service, and nothing is fetched from it; save the layer itself to a file, for example with QGIS"
            )
    if path.is_file() and path.suffix.lower() in (".geojson", ".json"):
        _refuse_linked_crs(path, where)


def _heads(path: Path) -> Iterator[bytes]:
    """Yield the first bytes of a file and, of an archive, those of what is in it."""
    if not path.is_file():
        return
    with path.open("rb") as source:
        yield source.read(_HEAD_BYTES)
    if path.suffix.lower() in (".zip", ".kmz"):
        unreadable = (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error, EOFError)
        with contextlib.suppress(*unreadable), zipfile.ZipFile(path) as archive:  # what is wrong with it is told when it is read
            for member in archive.infolist()[:_MEMBERS]:
                with archive.open(member) as source:
                    yield source.read(_HEAD_BYTES)


def _refuse_linked_crs(path: Path, where: str) -> None:
    with path.open("rb") as source:
        if not os.fstat(source.fileno()).st_size:
            return
        with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
            found = _LINKED_CRS.search(content)
    if found:
        raise CRSError(
            f'{where}: its "crs" is a link to the network, which is never followed; remove "crs" from the file and state it: crs = "EPSG:4551"'
        )
