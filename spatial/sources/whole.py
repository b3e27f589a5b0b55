"""Files that GDAL reads as far as it can, and passes over the rest in silence: what is damaged in them is found before."""

from __future__ import annotations

import codecs
import json
import re
import struct
import zipfile
import zlib
from pathlib import Path

from spatial.errors import SourceError, sample, shown

_MOST_UNPACKED = 4 << 30  # bytes: a larger archive is not unpacked twice
_BODY, _FEATURE = re.compile(rb'"geometry"\s*:'), re.compile(rb'"type"\s*:\s*"Feature"')
_NULL_ELEMENT = re.compile(rb"[\[,]\s*null\s*[,\]]")


def check_geojson(path: Path, where: str) -> None:
    """GDAL takes letters that are none, and leaves out a feature that is null; both would pass for whole.

    Raises
    ------
    SourceError
        Not UTF-8, or features that are null or of no type.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    suspect, before, bodies, features_said = False, b"", 0, 0
    with path.open("rb") as stream:
        try:
            while block := stream.read(1 << 20):
                decoder.decode(block)
                suspect = suspect or _NULL_ELEMENT.search(before + block) is not None
                bodies += sum(match.end() > len(before) for match in _BODY.finditer(before + block))
                features_said += sum(match.end() > len(before) for match in _FEATURE.finditer(before + block))
                before = block[-40:]
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{where}: is not UTF-8, as GeoJSON must be ({shown(error, 200)}); save it as UTF-8, or state its encoding:"
                ' encoding = "gbk"'
            ) from error
    if not suspect and bodies == features_said:
        return
    try:
        features = json.loads(path.read_bytes().decode("utf-8-sig")).get("features")
    except (ValueError, AttributeError, RecursionError):  # GDAL says what is wrong
        return
    if isinstance(features, list) and (
        empty := [row for row, each in enumerate(features) if not (isinstance(each, dict) and each.get("type") == "Feature")]
    ):
        raise SourceError(
            f"{where}: {len(empty)} of {len(features)} features are null or do not say that they are features (rows {sample(empty)}); get the file again"
        )


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
            if not damaged and sum(entry.file_size for entry in archive.infolist()) <= _MOST_UNPACKED:
                damaged += [name for name in (archive.testzip(),) if name]
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError) as error:  # locked, or of an unknown method
        raise SourceError(
            f"{where}: cannot be unpacked, it may be truncated or corrupt ({shown(error, 200)}); get the file again"
        ) from error
    if damaged:
        raise SourceError(f"{where}: {sample(damaged)} in it is truncated or corrupt; get the file again")
