"""Keep GDAL off the network: a local file may name schemas, coordinate systems and services, and GDAL would fetch them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

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
