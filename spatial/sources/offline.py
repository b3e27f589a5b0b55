"""Keep GDAL to the file that it is given: off the network, where a file may name schemas and services, and from writing beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_OFFLINE = {
    "GML_DOWNLOAD_SCHEMA": "NO",  # which it takes from a WFS that a GML file names
    "GDAL_HTTP_PROXY": "offline://nothing-is-fetched",  # a kind of proxy that does not exist: the request ends before it begins
}


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """Let GDAL, as pyogrio has it, read local files only; what a file names is refused beforehand where it would be needed.

    The one gap: a host that the variable ``no_proxy`` names. What is known to be fetched at all is therefore refused by its content
    (``spatial.files.refuse_wrappers``) or switched off by an option of its own.
    """
    import pyogrio

    before = {name: pyogrio.get_gdal_config_option(name) for name in _OFFLINE}
    pyogrio.set_gdal_config_options(_OFFLINE)
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)


@contextlib.contextmanager
def nothing_beside(path: Path) -> Iterator[None]:
    """Take away the ``.gfs`` that GDAL leaves beside a GML file: it would rule the next reading, by its time and not by the content."""
    left = path.with_suffix(".gfs")
    made = path.suffix.lower() == ".gml" and not left.exists()
    try:
        yield
    finally:
        if made:
            with contextlib.suppress(OSError):
                left.unlink(missing_ok=True)
