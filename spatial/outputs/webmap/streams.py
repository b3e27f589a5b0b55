"""Numbers as short byte streams: whole numbers by their steps, so that what lies side by side costs a byte or two."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class Streams:
    """Arrays one after the other in one binary part; the page finds each by its name, its place and how it is written.

    Attributes
    ----------
    parts
        Name → where it begins, how many numbers it has, and how they are written: ``steps`` (differences of whole numbers), ``whole``
        (whole numbers), ``float32`` or ``bits``.
    """

    def __init__(self) -> None:
        self.parts: dict[str, tuple[int, int, str]] = {}
        self._bytes = bytearray()

    def steps(self, name: str, values: Any) -> None:
        """Write whole numbers as differences from one to the next."""
        numbers = np.asarray(values, dtype=np.int64)
        self._add(name, len(numbers), "steps", varints(np.diff(numbers, prepend=0)))

    def whole(self, name: str, values: Any) -> None:
        """Write whole numbers as they are."""
        numbers = np.asarray(values, dtype=np.int64)
        self._add(name, len(numbers), "whole", varints(numbers))

    def floats(self, name: str, values: Any) -> None:
        """Write numbers in single precision, byte by byte of the same rank, which compresses better."""
        numbers = np.asarray(values, dtype="<f4")
        self._add(name, len(numbers), "float32", numbers.view(np.uint8).reshape(-1, 4).T.tobytes())

    def bits(self, name: str, values: Any) -> None:
        """Write truths, eight a byte."""
        truths = np.asarray(values, dtype=bool)
        self._add(name, len(truths), "bits", np.packbits(truths, bitorder="little").tobytes())

    def _add(self, name: str, count: int, kind: str, data: bytes) -> None:
        self.parts[name] = len(self._bytes), count, kind
        self._bytes += data

    def written(self) -> bytes:
        """Return everything that was written."""
        return bytes(self._bytes)


def varints(values: Ints) -> bytes:
    """Write whole numbers in 7 bits a byte, the lowest first, small ones of either sign short."""
    folded = ((values << 1) ^ (values >> 63)).astype(np.uint64)
    size = np.ones(len(folded), np.int64)
    for bits in range(7, 64, 7):
        size += folded >= np.uint64(1 << bits)
    place = np.cumsum(size) - size
    out = np.zeros(int(size.sum()), np.uint8)
    for rank in range(int(size.max(initial=0))):
        there = size > rank
        more = (size > rank + 1)[there]
        out[place[there] + rank] = ((folded[there] >> np.uint64(7 * rank)) & np.uint64(127)).astype(np.uint8) | (more.astype(np.uint8) << 7)
    return out.tobytes()
