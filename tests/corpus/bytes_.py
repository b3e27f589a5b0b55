"""Damage to the bytes of any file."""

from __future__ import annotations

import random
from pathlib import Path

from tests.corpus.city import Subject
from tests.corpus.scene import Expected, Scene, damage

SIDES = (".shx", ".dbf", ".prj", ".cpg")
READ = ("error", "same", "told", "read")


def binary(subject: Subject) -> bool:
    return subject.role != "toml"


def shapefile(subject: Subject) -> bool:
    return subject.kind == "shp"


def victim(scene: Scene, rng: random.Random) -> Path:
    """The file that is spoilt: of a folder one of its larger files, of a Shapefile mostly the main one, else a side file."""
    if scene.path.is_dir():
        return rng.choice(sorted(part for part in scene.path.iterdir() if part.stat().st_size > 100))
    if scene.path.suffix == ".shp" and rng.random() < 0.5:
        return rng.choice([scene.path.with_suffix(ending) for ending in SIDES[:2]])
    return scene.path


def spoil(scene: Scene, rng: random.Random, change: object) -> None:
    path = victim(scene, rng)
    content = bytearray(path.read_bytes())
    said = change(content)  # type: ignore[operator]
    path.write_bytes(bytes(content))
    scene.notes.append(f"{path.name}, {said}")


@damage("bytes", lambda s: binary(s) and s.kind != "csv")
def cut_anywhere(scene: Scene, rng: random.Random) -> Expected:
    def cut(content: bytearray) -> str:
        at = rng.randrange(len(content))
        del content[at:]
        return f"cut at byte {at}"

    spoil(scene, rng, cut)
    return Expected(READ)


@damage("bytes", lambda s: s.kind == "csv")
def cut_inside_a_row(scene: Scene, rng: random.Random) -> Expected:
    """A cut inside the last field, or at the end of a line, leaves a table that nobody can tell from a whole one: not generated."""
    lines = scene.path.read_bytes().split(b"\n")
    row = rng.randrange(1, len(lines) - 1)
    fields = lines[row].split(b",")
    kept = b",".join(fields[: rng.randrange(1, len(fields))])
    scene.path.write_bytes(b"\n".join([*lines[:row], kept]))
    scene.notes.append(f"cut in line {row + 1}")
    return Expected(("error", "told"))


@damage("bytes", binary)
def flipped_bytes(scene: Scene, rng: random.Random) -> Expected:
    def flip(content: bytearray) -> str:
        places = sorted(rng.randrange(len(content)) for _ in range(rng.choice([1, 1, 4, 16])))
        for at in places:
            content[at] ^= rng.randrange(1, 256)
        return f"flipped bytes {', '.join(map(str, places))}"

    spoil(scene, rng, flip)
    return Expected(READ)


@damage("bytes", binary)
def flipped_bytes_at_the_head(scene: Scene, rng: random.Random) -> Expected:
    def flip(content: bytearray) -> str:
        places = sorted(rng.randrange(min(len(content), 128)) for _ in range(rng.choice([1, 2, 4])))
        for at in places:
            content[at] ^= rng.randrange(1, 256)
        return f"flipped bytes {', '.join(map(str, places))}"

    spoil(scene, rng, flip)
    return Expected(READ)


@damage("bytes", lambda s: binary(s) and s.kind not in ("csv", "geojson"))
def huge_counts(scene: Scene, rng: random.Random) -> Expected:
    """Four bytes that may be a count say two or four thousand millions."""

    def huge(content: bytearray) -> str:
        at = rng.randrange(max(min(len(content), 400) - 4, 1)) & ~3
        content[at : at + 4] = rng.choice([b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x40"])
        return f"a huge count at byte {at}"

    spoil(scene, rng, huge)
    return Expected(READ)


@damage("bytes", binary)
def zeroed_block(scene: Scene, rng: random.Random) -> Expected:
    def zero(content: bytearray) -> str:
        at, size = rng.randrange(len(content)), rng.choice([8, 64, 512, 4096])
        block = content[at : at + size]
        content[at : at + size] = bytes(len(block))
        return f"{len(block)} zeros at byte {at}"

    spoil(scene, rng, zero)
    return Expected(READ)


@damage("bytes", binary)
def noise_in_the_middle(scene: Scene, rng: random.Random) -> Expected:
    def noise(content: bytearray) -> str:
        at, size = rng.randrange(len(content)), rng.choice([1, 3, 50])
        content[at:at] = rng.randbytes(size)
        return f"{size} bytes of noise put in at byte {at}"

    spoil(scene, rng, noise)
    return Expected(READ)


@damage("bytes", lambda s: binary(s) and s.kind != "csv")
def missing_bytes(scene: Scene, rng: random.Random) -> Expected:
    def drop(content: bytearray) -> str:
        at, size = rng.randrange(len(content)), rng.choice([1, 3, 50])
        del content[at : at + size]
        return f"{size} bytes missing at byte {at}"

    spoil(scene, rng, drop)
    return Expected(READ)


@damage("bytes", binary)
def swapped_blocks(scene: Scene, rng: random.Random) -> Expected:
    def swap(content: bytearray) -> str:
        size = max(len(content) // 8, 1)
        one, other = sorted(rng.sample(range(max(len(content) // size, 2)), 2))
        a, b = content[one * size : (one + 1) * size], content[other * size : (other + 1) * size]
        content[one * size : one * size + len(a)] = b[: len(a)]
        content[other * size : other * size + len(b)] = a[: len(b)]
        return f"eighths {one} and {other} changed places"

    spoil(scene, rng, swap)
    return Expected(READ)


@damage("bytes", binary)
def junk_at_the_end(scene: Scene, rng: random.Random) -> Expected:
    def append(content: bytearray) -> str:
        junk = rng.choice([rng.randbytes(100), b"\0" * 1000, b"<html></html>", b"\x1a"])
        content += junk
        return f"{len(junk)} bytes of junk at the end"

    spoil(scene, rng, append)
    return Expected(READ)


@damage("bytes", binary)
def wrong_magic(scene: Scene, rng: random.Random) -> Expected:
    def magic(content: bytearray) -> str:
        other = rng.choice(
            [b"PK\x03\x04", b"SQLite format 3\0", b"\x89PNG\r\n\x1a\n", b"%PDF-1.4", b"\x1f\x8b\x08\0", b"II*\0", b"fgb\x03", b"PAR1"]
        )
        content[: len(other)] = other
        return f"begins as {other!r}"

    spoil(scene, rng, magic)
    return Expected(READ)


@damage("bytes", lambda s: True)
def nothing_of_it(scene: Scene, rng: random.Random) -> Expected:
    """An empty file, zeros, or what a server says in place of a file."""
    content = rng.choice(
        [b"\0" * 4096, b"<!DOCTYPE html><html><head><title>404</title></head></html>", b"\xff" * 100, b"%PDF-1.7\n", b'{"error": "no such file"}',
         b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"]
    )  # fmt: skip
    if scene.subject.role != "toml":  # an empty declaration is one
        content = rng.choice([content, b"", b"\n", b" "])
    path = victim(scene, rng)
    path.write_bytes(content)
    scene.notes.append(f"{path.name} is {content[:20]!r}")
    return Expected(("error",) if path == scene.path else READ)


@damage("bytes", binary)
def twice_in_one_file(scene: Scene, rng: random.Random) -> Expected:
    def double(content: bytearray) -> str:
        content += bytes(content)
        return "stands in the file twice"

    spoil(scene, rng, double)
    return Expected(READ)


@damage("bytes", lambda s: binary(s) and s.kind != "gdb")
def another_format_under_this_name(scene: Scene, rng: random.Random) -> Expected:
    """GDAL looks at the content: a GeoPackage called Shapefile may be read for what it is, or refused."""
    from tests.corpus import city

    kind = rng.choice([k for k in ("gpkg", "fgb", "geojson", "parquet", "tif") if k != scene.subject.kind])
    role = scene.subject.role if scene.subject.vector else "parks"
    other = scene.path.parent / f"other.{kind}"
    city.write(other, role)
    scene.path.write_bytes(other.read_bytes())
    other.unlink()
    scene.notes.append(f"is a {kind}")
    return Expected(("error", "same") if scene.subject.vector else ("error",))


@damage("bytes", shapefile)
def shapefile_without_a_part(scene: Scene, rng: random.Random) -> Expected:
    ending = rng.choice(SIDES)
    scene.path.with_suffix(ending).unlink()
    scene.notes.append(f"no {ending}")
    return Expected(("error",) if ending != ".cpg" else ("error", "same"), but=("area_name",))  # names in the wrong letters


@damage("bytes", shapefile)
def shapefile_with_a_part_of_another(scene: Scene, rng: random.Random) -> Expected:
    """The attributes, or the index, of a file with fewer or more features."""
    from tests.corpus import city

    ending = rng.choice([".shx", ".dbf"])
    frame = scene.frame()
    fewer = rng.random() < 0.5
    other = frame.iloc[:-1] if fewer else frame.iloc[[*range(len(frame)), 0, 1]]
    other_path = scene.path.parent / "other" / scene.path.name
    other_path.parent.mkdir()
    city.write(other_path, scene.subject.role, other)
    scene.path.with_suffix(ending).write_bytes(other_path.with_suffix(ending).read_bytes())
    city.remove(other_path)
    other_path.parent.rmdir()
    scene.notes.append(f"{ending} of a file with {len(other)} for {len(frame)} features")
    return Expected(("error", "told"))


@damage("bytes", shapefile)
def shapefile_in_another_encoding(scene: Scene, rng: random.Random) -> Expected:
    """What the .cpg says is not what the .dbf holds."""
    said = rng.choice(["GBK", "ISO-8859-1", "klingon", "", "UTF-16", "\x1b[31m"])
    scene.path.with_suffix(".cpg").write_text(said)
    scene.notes.append(f".cpg says {said!r}")
    return Expected(("error", "same", "told"), but=("area_name",))  # names in the wrong letters are what the file says
