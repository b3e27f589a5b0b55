"""What stands in the margin of every map, of the page as of a printed sheet: the stamp, and what a reader must know of areas and date."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pyproj
import shapely

from spatial.city import City
from spatial.crs import extent_in_china, name_of
from spatial.outputs.map_specs import MapSpec, text_of
from spatial.outputs.release import PUBLIC, above
from spatial.result import Results
from spatial.text import Lang


def stamp_of(results: Results, spec: MapSpec) -> list[str]:
    """Return what a map bears until it is approved.

    Parameters
    ----------
    results
        What the map shows.
    spec
        Its words.

    Returns
    -------
    list of str
        The lines of the stamp: in both languages for a place in China whatever the reader's, since its law does not ask who reads; in one where
        the map shows what is not public. Empty for an approved map, and for a public edition, which is refused where the stamp would have to stand.
        An approval is for what may be given away, not for what else a working map shows.
    """
    city, lang = results.city, results.lang
    withheld = bool(above(city, PUBLIC))
    if results.edition or (city.sheet.approval_number and not withheld):
        return []
    said = text_of(spec.words["stamp"])
    if is_in_china(results):
        return [said.zh] if lang == "zh" else [said.zh, said.en]
    return [said.get(lang)] if withheld else []


def is_in_china(results: Results) -> bool:
    """Whether the map shows a place in China: by its datum, or by where the areas lie."""
    return extent_in_china(shapely.total_bounds(results.areas.whole), results.city.crs)


def said_of_areas(results: Results, spec: MapSpec) -> str:
    """Say how many areas there are and of which kind."""
    words, by = spec.words_in(results.lang), results.by
    if by.startswith("grid:"):
        kind = words["grid"].format(size=f"{float(by.removeprefix('grid:').removesuffix('m')):g}")
    else:
        kind = results.city.layers[by].spec.title.get(results.lang)
    return str(words["area_count"].format(by=kind, n=f"{int(results.areas.is_area.sum()):,}"))


def said_of_date(city: City, words: Mapping[str, Any]) -> str:
    """Say of which day the data are, or that nobody knows."""
    return f"{words['data_date']} {city.date}" if city.date else str(words["date_unknown"])


def said_of_crs(crs: pyproj.CRS, lang: Lang) -> str:
    """Name a system as a sheet must: what it is called, and its code."""
    code, name = name_of(crs), crs.name
    zone = re.fullmatch(r"CGCS2000 / 3-degree Gauss-Kruger (?:CM|zone) (\d+)E?", name)
    meridian = (
        next((each.value for each in crs.coordinate_operation.params if "Longitude" in each.name), None)
        if crs.coordinate_operation
        else None
    )
    if lang == "zh" and zone and meridian is not None:
        name = f"CGCS2000 3°带，中央经线 {meridian:g}°E"
    return code if code == name else f"{name}（{code}）" if lang == "zh" else f"{name} ({code})"
