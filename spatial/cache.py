"""Read layers, and keep them parsed beside ``city.toml``."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyarrow
import pyproj
import shapely

from spatial import crs as crs_
from spatial.city import area_spec
from spatial.city_toml import LocalLayer, Project
from spatial.errors import CRSError, LayerError, OptionError, named, nearest
from spatial.files import fingerprint
from spatial.layers import LayerSpec, Repair, check_counts, counted_twice, typed, validate, without_copies
from spatial.sources.files import READER_SCHEMA as FILES_SCHEMA
from spatial.sources.files import read_vector
from spatial.sources.options import FileOptions
from spatial.sources.osm import ENDINGS, READER_SCHEMA, OsmData, read_osm
from spatial.text import Text

CACHE_FOLDER = ".spatial-cache"
CACHE_SCHEMA = "2"
CACHE_ENTRIES = 6
_DAY_S = 86400
_MANIFEST = "manifest.json"
_ENTRY, _PART = re.compile(r"[0-9a-f]{24}"), re.compile(r"\.part-[a-z0-9_]{8}")
_REASONS = {
    errno.ENOSPC: Text("磁盘空间不足", "no space left"),
    errno.EDQUOT: Text("磁盘配额已用完", "the disk quota is used up"),
    errno.EACCES: Text("没有写入权限", "no permission to write there"),
    errno.EPERM: Text("没有写入权限", "no permission to write there"),
    errno.EROFS: Text("文件系统只读", "the file system is read-only"),
}


@dataclass(frozen=True)
class LocalData:
    """What one local file gave.

    Attributes
    ----------
    frame
        Features in degrees WGS-84, checked and typed.
    repairs
        What was changed, dropped or not understood, counted.
    crs
        What the file's coordinates are in, as it says or as ``city.toml`` does.
    box, newest
        Of an OSM file: what it covers, degrees, and its newest edit; else ``None`` and empty.
    """

    frame: gpd.GeoDataFrame
    repairs: list[Repair]
    crs: str
    box: tuple[float, float, float, float] | None = None
    newest: str = ""


class LayerStore:
    """Parsed layers as GeoParquet beside ``city.toml``: rebuilt when stale or damaged, safe with two runs at once.

    Digests guard against damage, not against forgery: whoever may write the folder can write an entry that is believed. A cache that came with
    somebody else's project is removed before the first run, or passed over with ``--no-cache``.
    """

    def __init__(self, project: Project, *, enabled: bool, notices: list[Text]) -> None:
        self.project, self.notices = project, notices
        self.folder = project.path.parent / CACHE_FOLDER
        self.enabled = enabled and self._is_a_folder()

    def _is_a_folder(self) -> bool:
        """Tell whether the cache can be used; behind a link lies what belongs to somebody else, and nothing is written or removed there."""
        link = self.folder.is_symlink()
        if link or (os.path.lexists(self.folder) and not self.folder.is_dir()):
            what = Text("链接", "a link") if link else Text("文件", "a file")
            self.notices.append(
                Text(f"未使用缓存：.spatial-cache 是{what.zh}，不是文件夹", f"no cache is used: .spatial-cache is {what.en}, not a folder")
            )
            return False
        return True

    def osm(self, path: Path, digest: str) -> OsmData:
        """Return the layers of an extract, checked, repaired and typed; degrees WGS-84."""
        specs = [spec for spec in self.project.specs.values() if spec.osm]
        key = _key(
            "osm",
            CACHE_SCHEMA,
            digest,
            READER_SCHEMA,
            importlib.metadata.version("osmium"),
            repr([(s.name, s.geometry, s.osm, s.exclude, s.node_refs, s.nodes_only, s.named, s.routes, s.fields) for s in specs]),
        )
        kept = self._load(key)
        if kept is not None:
            meta, frames = kept
            if set(frames) == {spec.name for spec in specs}:
                box = tuple(meta["box"]) if meta["box"] else None
                return OsmData(frames, box, meta["box_is_header"], meta["newest"], _repairs_from(meta), meta["edits"])
        data = read_osm(path, specs)
        frames = {}
        for spec in specs:
            frame, repairs = (
                validate(data.frames[spec.name], spec, where=f"{path.name}: {spec.name}", on_invalid="repair")
                if len(data.frames[spec.name])
                else (data.frames[spec.name], [])
            )
            frame, more = typed(frame, spec)
            frames[spec.name] = frame
            data.repairs += [*repairs, *more]
        data = replace(data, frames=frames)
        told = {"box": data.box, "box_is_header": data.box_is_header, "newest": data.newest, "edits": data.edits}
        self._save(key, frames, told, data.repairs)
        return data

    def local(self, local: LocalLayer, digest: str) -> LocalData:
        """Return a local layer, checked, repaired as ``on_invalid`` says and typed; degrees WGS-84."""
        assert local.path is not None
        spec = self.project.specs.get(local.name) or area_spec(local.name)
        if spec.earlier and local.path.name.lower().endswith(ENDINGS):
            return self._earlier(local, spec, digest)
        if local.read.is_local_grid:  # a kept frame beside its file would tell them, and so would a digest of so few digits
            return self._read_local(local, spec)
        key = _key(
            "local",
            CACHE_SCHEMA,
            digest,
            FILES_SCHEMA,
            repr(local.read),
            local.on_invalid,
            repr((spec.geometry, spec.fields)),
            local.name,
            repr(local.allow_empty),
        )
        kept = self._load(key)
        if kept is not None and set(kept[1]) == {local.name}:
            return LocalData(kept[1][local.name], _repairs_from(kept[0]), kept[0]["crs"])
        data = self._read_local(local, spec)
        self._save(key, {local.name: data.frame}, {"crs": data.crs}, data.repairs)
        return data

    def _earlier(self, local: LocalLayer, spec: LayerSpec, digest: str) -> LocalData:
        """Return a layer as an OSM file of an earlier day has it, read by the rules of the layer of today."""
        assert local.path is not None
        where = f"{local.name}: {local.path}"
        if local.read != FileOptions():
            raise OptionError(
                f"{where}: an OSM file is read by the rules of {spec.earlier}; remove where, fields, values, datum, crs and the like"
            )
        now = replace(self.project.specs[spec.earlier], name=local.name)
        key = _key(
            "earlier", CACHE_SCHEMA, digest, READER_SCHEMA, importlib.metadata.version("osmium"), local.name,
            repr((now.geometry, now.osm, now.exclude, now.node_refs, now.nodes_only, now.fields)),
        )  # fmt: skip
        kept = self._load(key)
        if kept is not None and set(kept[1]) == {local.name}:
            box = tuple(kept[0]["box"]) if kept[0]["box"] else None
            return LocalData(kept[1][local.name], _repairs_from(kept[0]), crs_.WGS84, box, kept[0]["newest"])
        data = read_osm(local.path, [now])
        frame, repairs = data.frames[local.name], data.repairs
        if len(frame):
            frame, more = validate(frame, now, where=where, on_invalid="repair")
            repairs = [*repairs, *more]
        frame, more = typed(frame, now)
        repairs = [replace(repair, layer=local.name) for repair in (*repairs, *more)]
        self._save(key, {local.name: frame}, {"box": data.box, "newest": data.newest}, repairs)
        return LocalData(frame, repairs, crs_.WGS84, data.box, data.newest)

    def _read_local(self, local: LocalLayer, spec: LayerSpec) -> LocalData:
        assert local.path is not None
        where = f"{local.name}: {local.path}"
        known = tuple(spec.fields) if local.name in self.project.specs else ("name",)
        if unknown := [key for key in (*local.read.fields, *local.read.values) if key not in known]:
            raise OptionError(
                f"{where}: {', '.join(unknown)} is no field of {spec.name}{nearest(unknown[0], known)}; it has {', '.join(known)}"
            )
        told: list[Repair] = []
        raw = read_vector(local.path, local.read, where=local.name, wanted=known, polygons=spec.geometry == "polygon", told=told)
        if raw.empty and not local.allow_empty:
            matched = f" no feature matches where = {local.read.where!r};" if local.read.where else " it holds no feature;"
            raise LayerError(f"{where}: is empty:{matched} if that is the truth, set allow_empty = true, then it counts as 0")
        missing = [name for name, declared in spec.fields.items() if declared.required and name not in raw]
        if missing and len(raw):
            raise OptionError(
                f'{where}: {spec.name} needs the field {missing[0]}; map the column that holds it: fields = {{ {missing[0]} = "…" }}'
            )
        if local.name == "population" and len(raw):
            check_counts(raw, where=where, column=local.field, remedy="correct them, or leave them out with where")
        frame, copies = without_copies(raw, spec, where=where, on_invalid=local.on_invalid) if local.read.id else (raw, [])
        frame, repairs = validate(frame, spec, where=where, on_invalid=local.on_invalid) if len(frame) else (frame, [])
        repairs = [*copies, *repairs]
        if frame.empty and len(raw):
            said = "; ".join(repair.text().en for repair in repairs)
            raise LayerError(f"{where}: no usable feature is left of {len(raw)} ({said}); repair the file")
        frame, more = typed(frame, spec)
        more += counted_twice(frame, spec)
        own = pyproj.CRS(frame.crs)
        with named(where, CRSError):
            moved = crs_.reproject(frame.geometry.to_numpy(), own, pyproj.CRS(crs_.WGS84))
        if len(moved) and not np.isfinite(shapely.bounds(moved)).all():
            raise CRSError(f"{where}: coordinates cannot be moved from {crs_.name_of(own)} to WGS-84; check the CRS of the file")
        frame = frame.set_geometry(gpd.GeoSeries(moved, index=frame.index, crs=crs_.WGS84))
        return LocalData(frame, [*told, *repairs, *more], crs_.name_of(own))

    def _load(self, key: str) -> tuple[dict[str, Any], dict[str, gpd.GeoDataFrame]] | None:
        folder = self.folder / key
        if not self.enabled or not os.path.isdir(folder):  # also false where one may not look
            return None
        try:
            kept = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            meta = kept["content"]
            if (
                kept["sha256"] != _key(json.dumps(meta))
                or meta["key"] != key  # an entry under the name of another
                or any(fingerprint(folder / f"{name}.parquet") != digest for name, digest in meta["files"].items())
            ):
                raise ValueError("digest")
            frames = {name: gpd.read_parquet(folder / f"{name}.parquet") for name in meta["files"]}
            with contextlib.suppress(OSError):  # a colleague's folder that one may only read
                os.utime(folder)
            return meta, frames
        except PermissionError:
            return None
        except Exception as error:
            self.notices.append(
                Text(f"缓存条目已损坏，已重建（{type(error).__name__}）", f"a damaged cache entry was rebuilt ({type(error).__name__})")
            )
            _remove(folder, part=True)  # also without its manifest
            return None

    def _save(self, key: str, frames: Mapping[str, gpd.GeoDataFrame], meta: dict[str, Any], repairs: list[Repair]) -> None:
        if not self.enabled:
            return
        try:
            self.folder.mkdir(exist_ok=True)
            stage = Path(tempfile.mkdtemp(prefix=".part-", dir=self.folder))
            try:
                for name, frame in frames.items():
                    frame.to_parquet(stage / f"{name}.parquet", compression="zstd")
                files = {name: fingerprint(stage / f"{name}.parquet") for name in frames}
                counted = [{"layer": r.layer, "what": list(r.what), "count": r.count, "ids": list(r.ids)} for r in repairs]
                content = {**meta, "key": key, "files": files, "repairs": counted}
                (stage / _MANIFEST).write_text(json.dumps({"sha256": _key(json.dumps(content)), "content": content}), encoding="utf-8")
                stage.chmod(self.folder.stat().st_mode & 0o777)  # for whoever may read the cache: colleagues share a project
                stage.rename(self.folder / key)
            except OSError:
                if not (self.folder / key).is_dir():  # another run put the same entry there first: nothing to do
                    raise
            finally:
                shutil.rmtree(stage, ignore_errors=True)
            self._prune()
        except (OSError, pyarrow.ArrowException) as error:
            reason = _reason(error)
            said = Text(f"缓存无法写入（{reason.zh}），不影响结果", f"the cache cannot be written ({reason.en}); results are not affected")
            if said not in self.notices:  # once, not for every layer
                self.notices.append(said)

    def _prune(self) -> None:
        """Keep the newest entries; an interrupted run's leftovers go after a day. What is not an entry of ours is never touched."""
        ages: dict[bool, dict[Path, float]] = {True: {}, False: {}}
        for entry in self.folder.iterdir():
            part = bool(_PART.fullmatch(entry.name))
            if part or _ENTRY.fullmatch(entry.name):
                with contextlib.suppress(FileNotFoundError):  # another run was faster
                    ages[part][entry] = time.time() - entry.lstat().st_mtime
        # An entry of the future, after the clock was set back, is as far away as one of the past, not the newest for ever.
        entries = sorted(ages[False], key=lambda entry: abs(ages[False][entry]))
        old = [part for part, age in ages[True].items() if age > _DAY_S]
        for entry in [*old, *entries[CACHE_ENTRIES * (len(self.project.layers) + 1) :]]:
            _remove(entry, part=entry in ages[True])


def _remove(entry: Path, *, part: bool = False) -> None:
    """Remove an entry, or a part of one, if it is a folder with nothing but what is written here."""
    with contextlib.suppress(OSError):
        inside = [] if entry.is_symlink() else list(entry.iterdir())
        whole = part or any(file.name == _MANIFEST for file in inside)
        if whole and all(file.name == _MANIFEST or (file.suffix == ".parquet" and file.is_file()) for file in inside):
            for file in sorted(inside, key=lambda file: file.name == _MANIFEST):  # last, so that a broken removal is taken up again
                file.unlink()
            entry.rmdir()


def _reason(error: Exception) -> Text:
    number = getattr(error, "errno", None) or 0
    said = os.strerror(number) if number else type(error).__name__
    return _REASONS.get(number, Text(said, said))


def _repairs_from(meta: Mapping[str, Any]) -> list[Repair]:
    return [Repair(r["layer"], Text(*r["what"]), int(r["count"]), tuple(r["ids"])) for r in meta["repairs"]]


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
