"""City: every layer in one projected CRS, immutable."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import geopandas as gpd
import numpy as np
import pyproj
import shapely

from spatial import crs as crs_
from spatial.areas import Areas, build_areas, grid
from spatial.errors import Faults, LayerError, OptionError, ProjectError, nearest
from spatial.layers import INVALID_POLICIES, LayerSpec, Repair, check_frame, layer_specs, typed, validate
from spatial.ledger.records import Ledger
from spatial.raster import Raster, open_raster
from spatial.sheet import Sheet
from spatial.statistics import Statistics
from spatial.text import Text

T = TypeVar("T")
FAR_AWAY_M = 50_000.0
OSM_NOTICE = "© OpenStreetMap contributors, ODbL"


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of a city.

    Attributes
    ----------
    spec
        What it is.
    frame
        Features in the city's CRS; ``None`` where the layer was never supplied or is a raster.
    raster
        The handle, where the layer is a raster.
    origin
        ``osm``, ``local``, ``osm+local`` or ``absent``.
    extent
        Where the layer tells the truth (polygon, city CRS); ``None`` for everywhere.
    options
        What ``city.toml`` said of it beyond its file: ``field``, ``total``, ``allow_empty``.
    source
        Licence, date, owner, as declared.
    sensitivity
        ``public``, ``internal`` or ``secret``.
    """

    spec: LayerSpec
    frame: gpd.GeoDataFrame | None = None
    raster: Raster | None = None
    origin: str = "absent"
    extent: Any | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    sensitivity: str = "public"
    repairs: tuple[Repair, ...] = ()

    @property
    def missing(self) -> Text | None:
        """Why the layer gives no data; ``None`` where it does. Empty is not zero."""
        if self.frame is None and self.raster is None and not self.options.get("total"):
            return Text(f"未提供图层 {self._called.zh}", f"layer {self.spec.name} was not supplied")
        if self.origin == "osm" and self.frame is not None and self.frame.empty:
            return Text(f"整个 OSM 提取中没有 {self._called.zh}", f"the whole OSM extract has no {self.spec.name}")
        return None

    @property
    def _called(self) -> Text:
        name, title = self.spec.name, self.spec.title
        return Text(name if title.zh == name else f"{name}（{title.zh}）", name)


@dataclass(frozen=True, eq=False, repr=False)
class City:
    """Everything known of a city; made by ``open_city`` or ``City.from_layers``, never changed.

    Attributes
    ----------
    name
        As people call it.
    crs
        The one projected CRS, metres.
    date
        Date of the data, ISO; empty where nothing tells.
    layers
        By name; every declared layer is there, absent ones with ``origin = "absent"``.
    data_extent
        What the extract covers, polygon in ``crs``; ``None`` for local layers without an extract.
    scopes
        Scope name → layer name.
    notices
        Counted repairs and what else a reader must know.
    inputs
        Path and SHA-256 of every file, for ``run.json``.
    synthetic
        What says that the data are made up; empty for real places.
    folder
        The project's folder, whose own declarations override the shipped ones; ``None`` for frames in memory.
    ledger, statistics
        Tasks and projects, and dated numbers of areas; ``None`` where none were given.
    sheet
        What stands on every map and report: issuing unit, approval number, base map.
    unstated
        Layers, ``ledger`` and ``statistics`` of local files whose sensitivity nobody has stated: taken for public, but never published.
    centre
        What the city declares to be its centre, a point in ``crs``; ``None`` where it declares none.
    road_classes
        Name or number of a road → its class, where the city states it.
    """

    name: str
    crs: pyproj.CRS
    date: str
    layers: Mapping[str, Layer]
    data_extent: Any | None = None
    scopes: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[Text, ...] = ()
    inputs: tuple[Mapping[str, str], ...] = ()
    synthetic: str = ""
    folder: Path | None = None
    ledger: Ledger | None = None
    statistics: Statistics | None = None
    sheet: Sheet = field(default_factory=Sheet)
    unstated: tuple[str, ...] = ()
    centre: Any | None = None
    road_classes: Mapping[str, str] = field(default_factory=dict)
    _memory: dict[Any, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_layers(
        cls,
        name: str = "",
        *,
        crs: Any = "auto",
        date: str = "",
        data_extent: Any | None = None,
        centre: tuple[float, float] | None = None,
        on_invalid: str = "error",
        **frames: gpd.GeoDataFrame | str | Path,
    ) -> City:
        """Make a city from frames in memory.

        Parameters
        ----------
        name
            As people call it.
        crs
            ``auto`` or anything that pyproj understands; projected, metres.
        date
            Date of the data, ISO.
        data_extent
            Polygon, or west, south, east, north, in degrees WGS-84 that the data cover; ``None`` where they cover all areas.
        centre
            Longitude and latitude of the city's centre, degrees WGS-84; without one it is found from the data where a metric wants it.
        on_invalid
            ``error``, ``repair`` or ``drop``.
        **frames
            Layer name → frame with a CRS and our field names (``highway`` of roads, ``landuse`` of land use and ``count`` of population are
            required; ``id`` or ``area_id``, ``name``, ``width``, ``lanes`` … are optional). An empty frame says that there are none.
            ``population`` and ``elevation`` may be the path of a raster.

        Returns
        -------
        City
            Layers that are not given are absent.

        Raises
        ------
        CRSError
            A frame has no CRS, or the CRS does not fit.
        LayerError
            A geometry, an id, a count, a cell or a required column cannot be used, or a layer does not meet the city.
        SourceError
            A raster cannot be read.
        OptionError
            No frame was given, or an option has an impossible value.
        """
        if not frames:
            raise OptionError("a city needs at least one layer, for example districts=…")
        if on_invalid not in INVALID_POLICIES:
            raise OptionError(
                f'on_invalid "{on_invalid}" is not one of {", ".join(INVALID_POLICIES)}{nearest(on_invalid, INVALID_POLICIES)}'
            )
        if date and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", date):
            raise OptionError(f'date "{date}" must be written as 2024-04-09')
        declared = layer_specs()
        specs = {key: declared.get(key) or area_spec(key) for key in frames}
        paths = {key: Path(frame) for key, frame in frames.items() if isinstance(frame, str | Path) and specs[key].raster}
        given = {key: check_frame(frame, specs[key]) for key, frame in frames.items() if key not in paths}
        if isinstance(data_extent, tuple | list):
            data_extent = shapely.box(*data_extent)
        target = cls._choose(crs, given, data_extent)
        layers: dict[str, Layer] = {name: Layer(spec) for name, spec in declared.items()}
        notices: list[Text] = []
        for key, frame in given.items():
            clean, repairs = validate(frame, specs[key], where=key, on_invalid=on_invalid) if len(frame) else (frame, [])
            clean, more = typed(clean, specs[key])
            moved = crs_.reproject(clean.geometry.to_numpy(), pyproj.CRS(frame.crs), target)
            clean = clean.set_geometry(gpd.GeoSeries(moved, index=clean.index, crs=target))
            layers[key] = Layer(specs[key], frame=clean, origin="local", repairs=(*repairs, *more))
            notices += [repair.text() for repair in (*repairs, *more)]
        extent = None
        if data_extent is not None:
            extent = crs_.reproject(np.array([data_extent], object), pyproj.CRS(crs_.WGS84), target)[0]
            layers = {key: replace(layer, extent=extent) for key, layer in layers.items()}
        _check_meeting(layers, extent)
        for key, path in paths.items():
            raster = open_raster(path, specs[key].raster, where=f"{key}: {path}")
            layers[key] = Layer(specs[key], raster=raster, origin="local", extent=_raster_reach(raster, key, layers, extent, target))
        return cls(name, target, date, MappingProxyType(layers), extent, notices=tuple(notices), centre=crs_.centre_in(centre, target))

    @staticmethod
    def _choose(crs: Any, frames: Mapping[str, gpd.GeoDataFrame], data_extent: Any | None) -> pyproj.CRS:
        filled = {key: frame for key, frame in frames.items() if len(frame)}
        if not filled:
            raise LayerError(f"{', '.join(frames)}: no layer has a feature")
        first = filled.get("boundary", filled.get("districts", next(iter(filled.values()))))
        box = shapely.box(*first.total_bounds)
        place = (
            data_extent if data_extent is not None else crs_.reproject(np.array([box]), pyproj.CRS(first.crs), pyproj.CRS(crs_.WGS84))[0]
        )
        centre = shapely.centroid(place)
        chosen = crs_.choose_crs(centre.x, centre.y) if crs == "auto" else crs_.parse_crs(crs, where="from_layers")
        crs_.check_city_crs(chosen, place)
        return chosen

    def layer(self, name: str) -> Layer:
        """Return a layer; a declared one that was not supplied is there with origin ``absent``.

        Raises
        ------
        OptionError
            The layer is not declared anywhere.
        """
        if name not in self.layers:
            raise OptionError(f'layer "{name}" is not known{nearest(name, self.layers)}')
        return self.layers[name]

    def frame(self, name: str) -> gpd.GeoDataFrame:
        """Return the features of a layer that has some; adding or dropping columns and rows leaves the city as it is.

        Raises
        ------
        LayerError
            The layer was not supplied as features.
        """
        frame = self.layer(name).frame
        if frame is None:
            raise LayerError(f"layer {name} was not supplied as features")
        return frame.copy(deep=False)

    def memo(self, key: Any, build: Callable[[], T]) -> T:
        """Return a value derived from this city, computed once."""
        if key not in self._memory:
            self._memory[key] = build()
        value: T = self._memory[key]
        return value

    def with_memory(self, key: Any, value: Any) -> City:
        """Return the same city with a derived value given, for example a city-wide estimate kept for a part of the city."""
        return replace(self, _memory={**self._memory, key: value})

    def boundary(self) -> Any | None:
        """Return the declared outline as one geometry, or ``None``."""
        frame = self.layer("boundary").frame
        return None if frame is None or frame.empty else self.memo("boundary", lambda: shapely.union_all(frame.geometry.to_numpy()))

    def areas(self, by: str = "districts") -> Areas:
        """Return the polygons to report by.

        Parameters
        ----------
        by
            ``districts``, ``grid:SIZE_M`` (over what the data cover of the city), or any polygon layer.

        Raises
        ------
        ProjectError
            Neither districts nor boundary nor another layer is there to report by.
        OptionError
            An unknown layer or an impossible grid.
        """
        return self.memo(("areas", by), lambda: self._areas(by))

    def total(self) -> Areas:
        """Return the city as one row, whatever it is reported by.

        Raises
        ------
        ProjectError
            There is neither a boundary nor districts nor an extent of the data.
        """
        none = gpd.GeoDataFrame({"area_id": [], "name": []}, geometry=[], crs=self.crs)
        outline = self._outline(self.boundary(), self.layer("districts").frame)
        return self.memo(("areas", "total"), lambda: build_areas(none, outline, where="city"))

    def _areas(self, by: str) -> Areas:
        boundary = self.boundary()
        districts = self.layer("districts").frame
        if by.startswith("grid:"):
            try:
                size_m = float(by.removeprefix("grid:").removesuffix("m"))
            except ValueError:
                raise OptionError(f'by "{by}": write the cell size in metres, as in grid:500') from None
            outline = self._outline(boundary, districts)
            ground = outline if self.data_extent is None else shapely.intersection(outline, self.data_extent)
            if shapely.area(ground) == 0:
                raise OptionError(f'by "{by}": the data do not cover any part of the city')
            return build_areas(grid(outline, ground, size_m, self.crs), outline, where=by)
        layer = self.layer(by)
        if layer.frame is None:
            if by != "districts" or boundary is None:
                raise ProjectError(
                    f'there is nothing to report by: "{by}" was not supplied; give [layers.districts] or [layers.boundary], or --by with another polygon layer'
                )
            none = gpd.GeoDataFrame({"area_id": [], "name": []}, geometry=[], crs=self.crs)
            return build_areas(none, boundary, where=by)
        if not set(layer.frame.geom_type) <= {"Polygon", "MultiPolygon"}:
            raise OptionError(f'by "{by}": the layer has no polygons to report by')
        if boundary is None and districts is not None:
            boundary = self._outline(None, districts)
        frame = layer.frame
        names = frame["name"].where(frame["name"].fillna("").str.strip() != "", frame["id"]) if "name" in frame else frame["id"]
        named = gpd.GeoDataFrame({"area_id": frame["id"], "name": names}, geometry=frame.geometry, crs=self.crs)
        return build_areas(named, boundary, where=by)

    def _outline(self, boundary: Any | None, districts: gpd.GeoDataFrame | None) -> Any:
        if boundary is not None:
            return boundary
        if districts is None and self.data_extent is not None:
            return self.data_extent
        if districts is None:
            raise ProjectError("there is nothing to report by; give [layers.districts] or [layers.boundary]")
        return self.memo("outline", lambda: shapely.union_all(districts.geometry.to_numpy()))

    def subset(self, polygon: Any, halo_m: float) -> City:
        """Return the city with only the features within ``halo_m`` of a polygon; areas, scopes and derived values stay whole.

        Parameters
        ----------
        polygon
            In the city's CRS.
        halo_m
            Distance, metres; as declared by the metrics that will be measured.
        """
        kept = {}
        for name, layer in self.layers.items():
            if layer.frame is None or name in ("districts", "boundary", "built_up_area"):
                kept[name] = layer
                continue
            shapely.prepare(polygon)
            near = shapely.dwithin(layer.frame.geometry.to_numpy(), polygon, halo_m)
            kept[name] = replace(
                layer, frame=layer.frame[near].reset_index(drop=True), origin="local" if layer.origin == "osm" else layer.origin
            )
        memory = {key: value for key, value in self._memory.items() if isinstance(key, tuple) and key[0] in ("areas", "city-wide")}
        return replace(self, layers=MappingProxyType(kept), _memory=memory)

    def __repr__(self) -> str:
        """Say what is there, in one line."""
        there = ", ".join(name for name, layer in self.layers.items() if layer.origin != "absent")
        return f"City({self.name!r}, {crs_.name_of(self.crs)}, {self.date or 'undated'}: {there})"

    @property
    def attribution(self) -> str:
        """What every picture of this city must carry: made-up data stored in OSM's format are not OpenStreetMap's."""
        return " · ".join(part for part in (self.synthetic, self.licence_notice) if part)

    @property
    def licence_notice(self) -> str:
        """What the licence of OpenStreetMap wants to be read beside any picture, however long the rest; empty where nothing came from there."""
        made_up = (self.synthetic,) if self.synthetic else ()
        return OSM_NOTICE if any(_is_osm(layer) and layer.source not in made_up for layer in self.layers.values()) else ""


def _is_osm(layer: Layer) -> bool:
    return layer.origin.startswith("osm") or layer.options.get("openstreetmap") is True


def _raster_reach(raster: Raster, name: str, layers: Mapping[str, Layer], extent: Any | None, crs: pyproj.CRS) -> Any:
    """Return what a raster covers of the box that holds every other layer."""
    boxes = [layer.frame.total_bounds for layer in layers.values() if layer.frame is not None and len(layer.frame)]
    boxes += [shapely.bounds(extent)] if extent is not None else []
    reach = raster.footprint(shapely.box(*np.min(boxes, axis=0)[:2], *np.max(boxes, axis=0)[2:]), crs)
    if shapely.is_empty(reach):
        raise LayerError(f"{name}: {raster.path}: the raster does not meet the city; check its CRS and place")
    return reach


def _check_meeting(layers: Mapping[str, Layer], extent: Any | None) -> None:
    """Assert that every layer in memory is about this city: a frame tens of kilometres away has a wrong CRS or place."""
    frames = {name: layer.frame for name, layer in layers.items() if layer.frame is not None and len(layer.frame)}
    city = (
        extent
        if extent is not None
        else next((shapely.box(*frames[name].total_bounds) for name in ("boundary", "districts") if name in frames), None)
    )
    faults = Faults(LayerError)
    for name, frame in frames.items():
        if city is not None and not shapely.dwithin(shapely.box(*frame.total_bounds), city, FAR_AWAY_M):
            faults.add(f"{name}: lies more than {FAR_AWAY_M / 1e3:.0f} km from the city; check its CRS and place")
    faults.raise_if_any()


def area_spec(name: str) -> LayerSpec:
    """Return the spec of a layer that no declaration names: polygons that serve as areas."""
    base = layer_specs()["districts"]
    return replace(base, name=name, title=Text(name, name))
