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

ELSEWHERE = "choose another folder with --out"

MARKER = ".made-by-spatial"
"""File in a hidden folder that says that it is ours, and whose place it is kept for; a name alone is no leave to remove what is inside."""

_RANDOM = r"\.[a-z0-9_]{8}"  # as tempfile makes it
_FOLDERS = re.compile(rf"\.(?P<name>.{{1,40}}){_RANDOM}(?P<kind>{re.escape(PARTIAL)}|{re.escape(OLD)})", re.DOTALL)
_PROBES = re.compile(rf"{_RANDOM}{re.escape(PROBE)}")
_FILES = re.compile(rf"\..{{1,40}}{_RANDOM}{re.escape(PART)}(\.[^.]*)?", re.DOTALL)
_DAY_S = 86400
_FULL_BYTES = 1 << 20
_PATIENCE_S = 10.0
_HEAD_BYTES = 16384
_MEMBERS = 1000
_WRAPPER = "a VRT only names other files, whose changes nobody would notice; give those files themselves"
_WRAPPERS = (b"<OGRVRT", b"<VRTDataset", b"<GDAL_WMS", b"<WMS_", b"<WCS_", b"<WFS_", b"<OGRWFS", b"<GDAL_")
_SERVICE = re.compile(rb"<(\w+:)?\w*_?Capabilities[\s>]")
_LINKED_CRS = re.compile(rb'"crs"\s*:\s*\{[^{}]*(\{[^{}]*\}[^{}]*)?"type"\s*:\s*"(link|url)"', re.IGNORECASE)
_RASTER = (".aux.xml", ".msk", ".ovr")
_SQLITE = ("-wal", "-journal")  # edits of a program that has the file open, or was killed
SIDES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    ".shp": ((".shx", ".dbf", ".prj", ".cpg", ".cst", ".idm", ".ind"), ()),
    ".tab": ((".dat", ".map", ".id", ".ind", ".cpg"), ()),
    ".mif": ((".mid",), ()),
    ".gml": ((".gfs", ".xsd"), ()),
    ".gpkg": ((), _SQLITE),
    ".sqlite": ((), _SQLITE),
    ".db": ((), _SQLITE),
    ".tif": ((".tfw", ".tifw", ".wld", ".tab", ".aux"), _RASTER),
    ".tiff": ((".tfw", ".tifw", ".tiffw", ".wld", ".tab", ".aux"), _RASTER),
    ".img": ((".ige", ".rrd", ".rde", ".aux"), _RASTER),
    ".asc": ((".prj", ".aux"), _RASTER),
}
"""What else of a format is read with a file, by its ending: in place of that ending, and after the whole name."""


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
    instead, behind = SIDES.get(path.suffix.lower(), ((), ()))
    if not (instead or behind):
        return [path]
    wanted = {f"{path.stem}{side}".lower() for side in instead} | {f"{path.name}{side}".lower() for side in behind}
    beside = [path.parent / name for name in os.listdir(path.parent) if name.lower() in wanted]  # names alone: the folder may be full
    return [path, *sorted(part for part in beside if part.is_file() and part.stat().st_size)]


@contextlib.contextmanager
def writing(what: Path, elsewhere: str = ELSEWHERE) -> Iterator[None]:
    """Turn any failure to write into one clear error that names the place and the remedy.

    Parameters
    ----------
    what
        Place that is written.
    elsewhere
        How the user chooses another place.

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
            errno.ENOSPC: f"no space left; free some or {elsewhere}",
            errno.EDQUOT: f"the disk quota is used up; free some or {elsewhere}",
            errno.EACCES: f"no permission to write there; {elsewhere}",
            errno.EPERM: f"no permission to write there; {elsewhere}",
            errno.EROFS: f"the file system is read-only; {elsewhere}",
        }.get(error.errno or 0, f"{error.strerror or error}")
        raise OutputError(f"{what}: cannot be written: {remedy}") from error


def nearly_full(folder: Path) -> bool:
    """Tell whether the disk under a folder has less than 1 MiB left: libraries that write themselves do not always say so."""
    return shutil.disk_usage(folder).free < _FULL_BYTES


@contextlib.contextmanager
def atomic_path(target: Path, elsewhere: str = ELSEWHERE) -> Iterator[Path]:
    """Give a temporary path beside ``target``; rename it when the block ends well, remove it otherwise.

    Parameters
    ----------
    target
        Where the file stands when it is whole.
    elsewhere
        How the user chooses another place.

    Raises
    ------
    OutputError
        The place cannot be written.
    """
    with writing(target, elsewhere):
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
        stage, holder, alive = target, None, None
        try:  # a signal may come at any line: whatever was made by then goes
            tidy(target.parent)
            with _alone_in(target.parent):
                holder = _holder(target, PARTIAL)
                alive = _lock(holder, wait_s=0)
            stage = holder / target.name
            stage.mkdir()
            yield stage
            for part in stage.rglob("*"):
                if part.is_file():
                    _sync(part)
            stage.chmod(0o755)
            _swap(stage, target, replace=replace)
        except BaseException as error:
            _remove(holder, alive)
            for folder in made:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            if isinstance(error, OutputError):  # told of the place that people know
                raise OutputError(str(error).replace(str(stage), str(target))) from error
            raise
        _remove(holder, alive)


def _remove(holder: Path | None, alive: int | None) -> None:
    if holder is not None:
        shutil.rmtree(holder, ignore_errors=True)
    _unlock(alive)


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
        holder = _holder(target, OLD)
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
        for left in sorted(entry for entry in folder.iterdir() if entry.name.startswith(".") and not entry.is_symlink()):
            with contextlib.suppress(OSError):
                _put_back(left)
                seen = left.lstat()
                if time.time() - seen.st_mtime > _DAY_S and (os.name == "nt" or seen.st_uid == os.geteuid()):
                    _remove_if_ours(left)


def _holder(target: Path, kind: str) -> Path:
    """Make a hidden folder beside ``target`` that says for whom it is."""
    holder = Path(tempfile.mkdtemp(prefix=f".{target.name[:40]}.", suffix=kind, dir=target.parent))
    try:
        (holder / MARKER).write_bytes(os.fsencode(target.name))
    except BaseException:
        shutil.rmtree(holder, ignore_errors=True)
        raise
    return holder


def _kept_for(holder: Path) -> str:
    """Name what a hidden folder of ours is kept for; empty where it is not ours."""
    made = _FOLDERS.fullmatch(holder.name)
    marker = holder / MARKER
    if not made or holder.is_symlink() or marker.is_symlink() or not marker.is_file() or marker.stat().st_size > 4096:
        return ""
    name = os.fsdecode(marker.read_bytes())
    return name if name[:40] == made["name"] and Path(name).name == name else ""


def _put_back(holder: Path) -> None:
    """Undo the first of the two renames of a swap whose second one never came."""
    if not holder.name.endswith(OLD) or not (name := _kept_for(holder)):
        return
    old, place = holder / name, holder.parent / name
    if old.is_dir() and not old.is_symlink() and not os.path.lexists(place):
        old.rename(place)


def _remove_if_ours(left: Path) -> None:
    """Remove a file or folder of exactly the names that are made here; a folder with content only with our marker, and if no run holds it."""
    if not left.is_dir():
        if _FILES.fullmatch(left.name) and left.is_file():
            left.unlink()
    elif (_FOLDERS.fullmatch(left.name) or _PROBES.fullmatch(left.name)) and (lock := _lock(left, wait_s=0)) is not None:
        with contextlib.suppress(OSError):
            if _kept_for(left):
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.rmdir()  # killed before the marker stood; what holds anything else stays
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
