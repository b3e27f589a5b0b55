"""Road classes: from OSM tags or local words to the class that a planner counts."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt

from spatial.catalogue import reference
from spatial.network.passage import expressways


def class_table() -> dict[str, Any]:
    """Road classes by key, as declared in ``data/road_classes.toml``."""
    return {key: row for key, row in reference("road_classes").items() if isinstance(row, dict)}


def classify(roads: gpd.GeoDataFrame) -> npt.NDArray[np.object_]:
    """Class of every road: key of ``data/road_classes.toml``, empty where none fits."""
    highway = roads["highway"].fillna("").to_numpy(dtype=object)
    by_tag = {tag: key for key, row in class_table().items() for tag in row["highway"]}
    out = np.array([by_tag.get(tag, "") for tag in highway], dtype=object)
    out[(highway == "trunk") & expressways(roads)] = "expressway"
    out[(roads["area"] == "yes").to_numpy(dtype=bool)] = ""
    return out


def unknown_classes(roads: gpd.GeoDataFrame) -> tuple[str, ...]:
    """Return the classes of local roads that no table knows, one a road; an extract has no such."""
    known = {tag for row in class_table().values() for tag in row["highway"]} | {"trunk", *reference("road_classes")["uncounted"]}
    tags = roads["highway"].fillna("").astype(str)
    return tuple(tags[~tags.isin(known) & roads["nodes"].isna()])
