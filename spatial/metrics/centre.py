"""The city's centre: where it is declared, else where its name stands, else the middle of what is built."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from spatial.city import City
from spatial.errors import shown
from spatial.metrics.land import built_up_area
from spatial.text import Text


@dataclass(frozen=True)
class Centre:
    """The point that rings go round and radials leave from.

    Attributes
    ----------
    point
        In the city's CRS.
    source
        How it was found.
    estimated
        Whether nobody said so.
    """

    point: Any
    source: Text
    estimated: bool

    @property
    def note(self) -> Text:
        """Say where it comes from."""
        return Text(f"市中心：{self.source.zh}", f"centre: {self.source.en}")


def city_centre(city: City) -> Centre:
    """Find the centre of a city.

    Parameters
    ----------
    city
        With a declared ``centre``, or the layer ``places``, or whatever tells the built-up area.

    Returns
    -------
    Centre
        Declared; else the place of rank city or town that bears the city's name, or the only city among the places; else the middle of
        the built-up area; else that of the city's outline. All but the first are estimated.

    Raises
    ------
    ProjectError
        Nothing tells where the city lies.

    References
    ----------
    Districts are often mapped as cities of their own (six in Harbin), so that of several cities only one of the city's own name is taken.
    """
    return city.memo(("city-wide", "centre"), lambda: _found(city))


def _found(city: City) -> Centre:
    if city.centre is not None:
        return Centre(city.centre, Text("city.toml 给定", "as declared in city.toml"), estimated=False)
    places = city.layer("places").frame
    if places is not None and len(places):
        names = places["name"].fillna("").astype(str).to_numpy(dtype=object)
        cities = (places["place"] == "city").to_numpy(dtype=bool)
        called = np.array([_bare(name) == _bare(city.name) != "" for name in names], dtype=bool)
        for chosen in (called & cities, called, cities):
            if chosen.sum() == 1:
                at = int(np.flatnonzero(chosen)[0])
                said = Text(
                    f"地名点“{shown(names[at])}”，未在 city.toml 给定，待核",
                    f"the place node {shown(names[at])}, not declared in city.toml: to be confirmed",
                )
                return Centre(shapely.centroid(places.geometry.iloc[at]), said, estimated=True)
    built = built_up_area(city)
    ground = built.outline if len(built.outline) else built.ground
    if len(ground):
        said = Text("建成区形心，未在 city.toml 给定，待核", "middle of the built-up area, not declared in city.toml: to be confirmed")
        return Centre(_middle(ground), said, estimated=True)
    outline = city.total().whole[0]
    said = Text("市界形心，未在 city.toml 给定，待核", "middle of the boundary, not declared in city.toml: to be confirmed")
    return Centre(shapely.centroid(outline), said, estimated=True)


def _middle(polygons: Any) -> Any:
    """Centroid of disjoint polygons, weighted by their area."""
    points, size = shapely.get_coordinates(shapely.centroid(polygons)), shapely.area(polygons)
    return shapely.points(np.average(points, axis=0, weights=size))


def _bare(name: str) -> str:
    """Return a city's name without what kind of city it is."""
    bare = re.sub(r"\s+", "", unicodedata.normalize("NFKC", name)).casefold()
    return bare.removesuffix("市") if len(bare) > 2 else bare
