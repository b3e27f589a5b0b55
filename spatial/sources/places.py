"""What a geocoder says a name is: checked before it is the outline of a city."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import geopandas as gpd
import numpy as np
import shapely

from spatial.errors import FetchError, sample, shown

_PLACES = ("boundary", "place")
_OUTLINES = ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class Place:
    """What a geocoder knows a name as.

    Attributes
    ----------
    outline
        Polygon or MultiPolygon, degrees WGS-84.
    title
        Its full name: ``长春市, 吉林省, 中国``.
    osm_id
        ``relation 2717045`` or empty.
    others
        Full names of other outlines that the name could mean.
    """

    outline: Any
    title: str
    osm_id: str
    others: tuple[str, ...]


def read_places(body: bytes, geocoder: str) -> list[dict[str, Any]]:
    """Parse a geocoder's answer: places, the likeliest first, each with a box and a geometry.

    Raises
    ------
    FetchError
        It is something else.
    """
    try:
        answers = json.loads(body, parse_constant=_refuse)
        if not isinstance(answers, list):
            raise ValueError("no list")
        for answer in answers:
            if len([float(edge) for edge in answer["boundingbox"]]) != 4:
                raise ValueError("no box")
            float(answer["lat"]), float(answer["lon"]), float(answer["importance"])
            shapely.geometry.shape(answer["geojson"])
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError, shapely.errors.ShapelyError) as error:
        head = shown(body[:60].decode("utf-8", "replace"))
        raise FetchError(
            f'{geocoder}: answers with what is no list of places ("{head}"); check that the address is that of a Nominatim server'
        ) from error
    return sorted(answers, key=lambda answer: -float(answer["importance"]))


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def chosen_place(found: gpd.GeoDataFrame, answers: list[dict[str, Any]], name: str, geocoder: str) -> Place:
    """Check the outline that osmnx chose among the answers; a building that bears a city's name is no city.

    Raises
    ------
    FetchError
        It is no boundary and no place, or no outline in degrees.
    """
    row = found.iloc[0]
    kind = row.get("class", row.get("category"))
    if isinstance(kind, str) and kind not in _PLACES:
        raise no_outline(name, geocoder, answers)
    outline = row.geometry
    if not outline.is_valid:
        outline = shapely.make_valid(outline)
    parts = [part for part in shapely.get_parts(shapely.get_parts(outline)) if part.geom_type == "Polygon" and part.area > 0]
    xy = shapely.get_coordinates(parts)
    if not len(xy) or not np.isfinite(xy).all() or (np.abs(xy) > (180, 90)).any():
        raise FetchError(f'{geocoder}: the outline of "{shown(name)}" is none (empty or not in degrees); give your own with polygon = "…"')
    title = str(row.get("display_name") or name)
    likeliest = answers[0]
    if likeliest["geojson"]["type"] not in _OUTLINES and not outline.intersects(
        shapely.Point(float(likeliest["lon"]), float(likeliest["lat"]))
    ):  # osmnx goes on to the next outline, which may be that of a village of the same name
        raise FetchError(
            f'place = "{shown(name)}": {shown(likeliest.get("display_name", "?"), 120)} is meant most likely, of which the geocoder knows no'
            f' outline; {shown(title, 120)}, which has one, lies elsewhere; write the one or the other more fully, or give polygon = "…"'
        )
    chosen = (row.get("osm_type"), row.get("osm_id"))
    others = [
        str(answer.get("display_name", ""))
        for answer in answers
        if answer["geojson"]["type"] in _OUTLINES
        and answer.get("class", answer.get("category", "place")) in _PLACES
        and (answer.get("osm_type"), answer.get("osm_id")) != chosen
    ]
    osm_id = f"{chosen[0]} {chosen[1]}" if isinstance(chosen[0], str) else ""
    return Place(parts[0] if len(parts) == 1 else shapely.multipolygons(parts), title, osm_id, tuple(dict.fromkeys(others)))


def no_outline(name: str, geocoder: str, answers: list[dict[str, Any]]) -> FetchError:
    """Say that a geocoder knows a name only as points, lines or buildings."""
    known = sample((f"{answer.get('display_name', '?')} ({answer['geojson']['type']})" for answer in answers), limit=3)
    return FetchError(
        f'place = "{shown(name)}": the geocoder {urlsplit(geocoder).netloc} knows no outline of such a place, only {known}; write a fuller name,'
        ' or give an outline of your own with polygon = "data/outline.geojson"'
    )
