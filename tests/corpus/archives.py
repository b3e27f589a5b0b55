"""Damage to archives: zipped Shapefiles, and extracts that are compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import random
import stat
import zipfile

from tests.corpus import city
from tests.corpus.city import Subject
from tests.corpus.scene import Expected, Scene, damage


def zipped(subject: Subject) -> bool:
    return subject.kind == "zip"


def compressed(subject: Subject) -> bool:
    return subject.kind in ("osm.gz", "osm.bz2")


def content_of(scene: Scene) -> dict[str, bytes]:
    with zipfile.ZipFile(scene.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@damage("archives", zipped)
def zip_in_a_zip(scene: Scene, rng: random.Random) -> Expected:
    whole = scene.path.read_bytes()
    for depth in range(rng.choice([1, 2, 40])):
        city.pack(scene.path, {f"inner{depth}.zip": whole})
        whole = scene.path.read_bytes()
    return Expected(("error", "same"))


@damage("archives", zipped)
def names_that_climb_out(scene: Scene, rng: random.Random) -> Expected:
    """Beside the right file, or as the only one."""
    content = content_of(scene)
    prefix = rng.choice(["../../", "/", "../../../../../../tmp/", "..\\..\\", "C:\\", "a/../../../"])
    evil = {f"{prefix}{name}": data for name, data in content.items()}
    beside = rng.random() < 0.5
    city.pack(scene.path, {**content, f"{prefix}sentinel.txt": b"overwritten"} if beside else evil)
    scene.notes.append(f"{prefix!r}, {'beside the right file' if beside else 'the file itself'}")
    return Expected(("same",) if beside else ("error", "same"))


@damage("archives", zipped)
def links_in_a_zip(scene: Scene, rng: random.Random) -> Expected:
    """An entry that is a symbolic link to a file above the project: nothing may be read or written through it."""
    content = content_of(scene)
    target = rng.choice(["../../sentinel.txt", "/etc/passwd", "districts.shp", "."])
    name = rng.choice(["link.shp", "sentinel.geojson", f"{scene.subject.role}2.shp", "inside"])
    with zipfile.ZipFile(scene.path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, data in content.items():
            archive.writestr(each, data)
        link = zipfile.ZipInfo(name, city.FILE_TIME)
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)
    scene.notes.append(f"{name} → {target}")
    return Expected(("error", "same"))


@damage("archives", zipped)
def several_shapefiles(scene: Scene, rng: random.Random) -> Expected:
    content = content_of(scene)
    where = rng.choice(["", "other/"])
    city.pack(scene.path, {**content, **{f"{where}{name.replace(scene.subject.role, 'second')}": data for name, data in content.items()}})
    return Expected(("error",))


@damage("archives", zipped)
def shapefile_without_a_part_in_a_zip(scene: Scene, rng: random.Random) -> Expected:
    ending = rng.choice([".shx", ".dbf", ".prj", ".shp"])
    content = {name: data for name, data in content_of(scene).items() if not name.endswith(ending)}
    city.pack(scene.path, content)
    scene.notes.append(f"no {ending}")
    return Expected(("error",))


@damage("archives", zipped)
def cut_part_in_a_zip(scene: Scene, rng: random.Random) -> Expected:
    """The archive is whole, a file in it was cut before it was packed."""
    ending = rng.choice([".shp", ".shx", ".dbf"])
    content = content_of(scene)
    name = next(each for each in content if each.endswith(ending))
    at = rng.randrange(len(content[name]))
    city.pack(scene.path, {**content, name: content[name][:at]})
    scene.notes.append(f"{name} cut at byte {at}")
    return Expected(("error",))


@damage("archives", zipped)
def zip_bomb(scene: Scene, rng: random.Random) -> Expected:
    """Hundreds of megabytes of zeros beside the Shapefile, or behind its end."""
    content = content_of(scene)
    beside = rng.random() < 0.5
    name = "zeros.bin" if beside else f"{scene.subject.role}.shp"
    with zipfile.ZipFile(scene.path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for each, data in content.items():
            if each != name:
                archive.writestr(each, data)
        with archive.open(name, "w", force_zip64=True) as stream:
            stream.write(content.get(name, b""))
            block = bytes(1 << 20)
            for _ in range(300):
                stream.write(block)
    scene.notes.append("beside" if beside else "in the .shp")
    return Expected(("same",) if beside else ("error", "same", "told"))


@damage("archives", zipped)
def many_entries(scene: Scene, rng: random.Random) -> Expected:
    many = {f"{'d/' * rng.choice([0, 1, 30])}{number}.txt": b"" for number in range(3000)}
    city.pack(scene.path, {**many, **content_of(scene)})
    return Expected(("error", "same"))


@damage("archives", zipped)
def strange_names_in_a_zip(scene: Scene, rng: random.Random) -> Expected:
    stem = rng.choice(
        ["区" * 60, "a" * 10_000, "\x1b[31mred", "\u202egnp", "a\nb", "con", " ", "<img src=x onerror=alert(1)>", "%s%n", "a'b\"c"]
    )
    city.pack(scene.path, {f"{stem}{name.removeprefix(scene.subject.role)}": data for name, data in content_of(scene).items()})
    scene.notes.append(f"{stem[:20]!r}")
    return Expected(("error", "same"), full=True)


@damage("archives", zipped)
def damaged_directory(scene: Scene, rng: random.Random) -> Expected:
    """Bytes of the list at the end of the archive."""
    content = bytearray(scene.path.read_bytes())
    start = content.rfind(b"PK\x01\x02")
    first = content.find(b"PK\x01\x02")
    for _ in range(rng.choice([1, 4])):
        content[rng.randrange(rng.choice([first, start]), len(content))] = rng.randrange(256)
    scene.path.write_bytes(bytes(content))
    return Expected(("error", "same", "told", "read"))


@damage("archives", zipped)
def locked_zip(scene: Scene, rng: random.Random) -> Expected:
    """Every entry says that it is encrypted, or is packed by an unknown method."""
    content = bytearray(scene.path.read_bytes())
    locked = rng.random() < 0.5
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(mark)
        while start >= 0:
            if locked:
                content[start + at] |= 1
            else:
                content[start + at + 2 : start + at + 4] = b"\x63\x00"
            start = content.find(mark, start + 4)
    scene.path.write_bytes(bytes(content))
    scene.notes.append("encrypted" if locked else "method 99")
    return Expected(("error", "same") if locked else ("error",))  # what only says that it is encrypted can be read


@damage("archives", compressed)
def compressed_twice(scene: Scene, rng: random.Random) -> Expected:
    pack = gzip.compress if scene.subject.kind == "osm.gz" else bz2.compress
    scene.path.write_bytes(pack(scene.path.read_bytes()))
    return Expected(("error",))


@damage("archives", compressed)
def two_members(scene: Scene, rng: random.Random) -> Expected:
    """A lawful file: the text stands in two parts, each compressed."""
    packed = scene.subject.kind == "osm.gz"
    text = (gzip.decompress if packed else bz2.decompress)(scene.path.read_bytes())
    pack = gzip.compress if packed else bz2.compress
    at = rng.randrange(1, len(text))
    scene.path.write_bytes(pack(text[:at]) + pack(text[at:]))
    scene.notes.append(f"in two from byte {at}")
    return Expected(("error", "same"))


@damage("archives", compressed)
def bomb_in_an_extract(scene: Scene, rng: random.Random) -> Expected:
    """Hundreds of megabytes of spaces between two elements."""
    stream = io.BytesIO()
    packed = scene.subject.kind == "osm.gz"
    text = city.osm_xml().encode()
    at = text.index(b"<way")
    with gzip.GzipFile(fileobj=stream, mode="w", compresslevel=1) if packed else bz2.BZ2File(stream, "w", compresslevel=1) as out:
        out.write(text[:at])
        for _ in range(100 if packed else 20):
            out.write(b" " * (1 << 20))
        out.write(text[at:])
    scene.path.write_bytes(stream.getvalue())
    return Expected(("same",))


@damage("archives", lambda s: s.role in ("osm", "population", "districts") and s.kind not in ("gdb", "shp"))
def a_link_in_place_of_the_file(scene: Scene, rng: random.Random) -> Expected:
    """To itself, to a folder, to a device, to nothing; or to the true file elsewhere, which is lawful."""
    whole = scene.path.with_name("elsewhere.bin")
    scene.path.rename(whole)
    target = rng.choice([scene.path.name, ".", "/dev/zero", "/dev/null", "nowhere", whole.name])
    scene.path.symlink_to(target)
    scene.notes.append(f"→ {target}")
    return Expected(("same",) if target == whole.name else ("error",))
