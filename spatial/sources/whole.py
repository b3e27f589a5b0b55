"""Files that GDAL reads as far as it can, and passes over the rest in silence: what is damaged in them is found before."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from spatial.errors import SourceError, SpatialError, sample, shown

MOST_UNPACKED = 4 << 30  # bytes
_MUCH, _TIMES = 500 << 20, 200  # bytes, and how much smaller than them a packed part may be: coordinates and texts pack to a tenth


def check_archive(path: Path, where: str) -> None:
    """GDAL passes over a part of an archive that it cannot unpack, such as the one that says how names are written.

    Raises
    ------
    SourceError
        It cannot be unpacked, or a part of it does not meet its checksum.
    """
    damaged: list[str] = []
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as stream:
            for entry in archive.infolist():
                stream.seek(entry.header_offset + 6)
                flags, *_, crc, packed, size = struct.unpack("<HHHHLLL", stream.read(20))
                said = (entry.CRC, entry.compress_size, entry.file_size)
                if not flags & 8 and 0xFFFFFFFF not in (packed, size) and (crc, packed, size) != said:
                    damaged.append(entry.filename)
            _refuse_bombs(archive, where)
            if not damaged:
                damaged += [name for name in (archive.testzip(),) if name]
    except SpatialError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        RuntimeError,
        ValueError,
        OSError,
    ) as error:  # locked, or of an unknown method
        raise SourceError(
            f"{where}: cannot be unpacked, it may be truncated or corrupt ({shown(error, 200)}); get the file again"
        ) from error
    if damaged:
        raise SourceError(f"{where}: {sample(damaged)} in it is truncated or corrupt; get the file again")


def _refuse_bombs(archive: zipfile.ZipFile, where: str) -> None:
    """Refuse what would fill memory or disk, by the sizes that are announced."""
    total = sum(entry.file_size for entry in archive.infolist())
    if total > MOST_UNPACKED:
        raise SourceError(
            f"{where}: unpacks to {total / 2**30:.1f} GiB, more than {MOST_UNPACKED >> 30}; unpack it and name the file inside"
        )
    for entry in archive.infolist():
        if entry.file_size > _MUCH and entry.file_size > _TIMES * entry.compress_size:
            raise SourceError(
                f"{where}: {shown(entry.filename)} in it unpacks to {entry.file_size >> 20} MiB from {entry.compress_size >> 10} KiB, as no data of a"
                " city do; get the file again, or unpack it and name the file inside"
            )
