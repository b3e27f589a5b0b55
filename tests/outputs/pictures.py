"""Pixels of pictures, for tests that look at colours."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt


def pixels(png: bytes) -> npt.NDArray[np.uint8]:
    """Decode a PNG: rows, columns, red, green and blue."""
    import rasterio

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.MemoryFile(png) as file, file.open() as picture:
            return np.moveaxis(picture.read([1, 2, 3]), 0, -1)


def color_at(picture: npt.NDArray[np.uint8], x: float, y: float) -> tuple[int, ...]:
    """Colour of one pixel."""
    return tuple(int(each) for each in picture[int(y), int(x)])


def rgb(color: str) -> tuple[int, ...]:
    """Red, green and blue of ``#rrggbb``."""
    return tuple(int(color[at : at + 2], 16) for at in (1, 3, 5))


def share_of(picture: npt.NDArray[np.uint8], color: str) -> float:
    """Share of the picture that has exactly this colour."""
    found: Any = (picture == np.array(rgb(color), dtype=np.uint8)).all(axis=-1)
    return float(found.mean())
