"""District planning metrics, offline maps and QGIS-ready GeoPackages.

Importing does nothing: every name is loaded when it is first used.

>>> import spatial
>>> city = spatial.open_city("city.toml")        # doctest: +SKIP
>>> results = spatial.measure(city)              # doctest: +SKIP
>>> spatial.write_map(results, "map.html")       # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_FACE = {
    "City": "spatial.city",
    "Layer": "spatial.city",
    "Areas": "spatial.areas",
    "MetricResult": "spatial.result",
    "Results": "spatial.result",
    "Progress": "spatial.progress",
    "SpatialError": "spatial.errors",
    "Text": "spatial.text",
    "open_city": "spatial.project",
    "fetch_osm": "spatial.fetch",
    "measure": "spatial.measurement",
    "metric": "spatial.metrics",
    "with_site": "spatial.scenario",
    "write_map": "spatial.outputs.webmap",
    "write_geopackage": "spatial.outputs.geopackage",
    "write_tables": "spatial.outputs.tables",
}

__all__ = [*sorted(_FACE), "__version__"]

if TYPE_CHECKING:
    from spatial.areas import Areas as Areas
    from spatial.city import City as City
    from spatial.city import Layer as Layer
    from spatial.errors import SpatialError as SpatialError
    from spatial.fetch import fetch_osm as fetch_osm
    from spatial.measurement import measure as measure
    from spatial.metrics import metric as metric
    from spatial.outputs.geopackage import write_geopackage as write_geopackage
    from spatial.outputs.tables import write_tables as write_tables
    from spatial.outputs.webmap import write_map as write_map
    from spatial.progress import Progress as Progress
    from spatial.project import open_city as open_city
    from spatial.result import MetricResult as MetricResult
    from spatial.result import Results as Results
    from spatial.scenario import with_site as with_site
    from spatial.text import Text as Text


def __getattr__(name: str) -> Any:
    """Load a public name from its room."""
    if name not in _FACE:
        raise AttributeError(f"module 'spatial' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_FACE[name]), name)


def __dir__() -> list[str]:
    return __all__
