"""How a local file is read, and what its ending says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RASTER_ENDINGS = (".tif", ".tiff", ".img", ".asc")
TABLE_ENDINGS = (".csv", ".tsv", ".txt")
WORKBOOK_ENDINGS = (".xlsx", ".xlsm", ".xls")  # the last one only to say that it cannot be read
DATABASE_ENDINGS = (".gpkg", ".sqlite", ".db")
JSON_ENDINGS = (".geojson", ".json", ".geojsonl", ".geojsons", ".jsonl", ".ndjson")
ZIP_ENDINGS = (".zip", ".shz")
MOST_COLUMNS = 2000  # every feature holds a place for each: a file whose keys are values, not names, fills the memory


@dataclass(frozen=True)
class FileOptions:
    """How a local file is read, as ``[layers.NAME]`` of ``city.toml`` says.

    Attributes
    ----------
    layer
        Layer inside the file; needed where it holds several.
    where
        OGR SQL condition on the file's own columns (``spatial.sources.conditions``); never evaluated as Python.
    fields
        Our field → their column.
    values
        Our field → their value → our value.
    datum
        One of ``spatial.datum.DATUMS``.
    crs
        CRS of a file that does not say it.
    geometry
        The one column of a table that holds the place.
    datum_parameters
        From the file's own datum to WGS-84 (``spatial.crs.to_wgs84``); sensitive, never shown and never kept.
    """

    layer: str | None = None
    where: str | None = None
    encoding: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    id: str | None = None
    datum: str = "wgs84"
    crs: str | None = None
    x: str | None = None
    y: str | None = None
    geometry: str | None = None
    datum_parameters: tuple[float, ...] = field(default=(), repr=False)

    @property
    def is_local_grid(self) -> bool:
        """Whether parameters of a local datum or grid are stated: they reach no cache, digest, message or output."""
        return bool(self.datum_parameters) or any(sign in (self.crs or "") for sign in "+[{")
