"""What can be switched on over the areas: input layers, evidence, service areas, as the map's declaration says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from spatial.crs import WGS84, reproject
from spatial.outputs.evidence import (
    COUNTS,
    Graded,
    beyond_m,
    column_title,
    declared_evidence,
    graded,
    kinds_of,
    secret_layers,
    service_areas,
    unit_of_column,
)
from spatial.outputs.map_specs import TASKS, MapSpec, overlay_title, text_of
from spatial.outputs.webmap.languages import Shared
from spatial.outputs.webmap.packing import OVERLAY_DEGREES, Codes, Column, Figures, Ints, Names, pack_layer
from spatial.outputs.webmap.shapes import SIMPLIFY_M, packed_points, simplified
from spatial.outputs.webmap.tasks import pack_tasks
from spatial.result import Results
from spatial.targets.model import Standing
from spatial.text import Lang, Text

# A page stays below 5 MB with 50,000 roads and 100,000 buildings; beyond, the least are left out and the page says so.
MAX_FEATURES = 150_000
MAX_VERTICES = 900_000
MAX_FACTS = 600_000  # distances and other figures that travel with the features of one overlay
CROWDED = 8_000  # above so many minor features the page draws them only where they stand apart
SORTED_FROM = 500  # from so many features they are put in an order in which neighbours stand together

_CLASSES = "classes as one text"
_NO_VALUE = "#8a8f98"


@dataclass(frozen=True)
class _Source:
    """An overlay's frame, its title, and the column and colour that it is graded by."""

    frame: gpd.GeoDataFrame
    title: str
    by: str = ""
    color: str = ""


def pack_overlays(
    results: Results, spec: MapSpec, shared: Shared, standing: Standing | None = None
) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Pack every overlay that has something to show.

    Parameters
    ----------
    results
        A measured city.
    spec
        The map.
    shared
        What both languages have in common; the features travel in its blobs.
    standing
        Whose tasks are drawn; ``None`` for none.

    Returns
    -------
    overlays, secret, notices
        For the page, in the order declared; the titles of layers that are secret and not drawn; and what a reader must know of the tasks.
    """
    lang = results.lang
    words = spec.words_in(lang)
    found: list[dict[str, Any]] = []
    secret: list[str] = []
    notices: list[str] = []
    made = {name: frame for name, _, frame in service_areas(results, spec)}
    for place, (name, declared) in enumerate(spec.overlays.items()):
        key = f"layer-{name}" if re.fullmatch("[a-z0-9_-]+", name) else f"overlay-{place}"
        overlay = {**declared, "shown": name in spec.shown}
        if overlay.get("source") == TASKS:
            tasks, said_of_tasks = pack_tasks(results, standing, name, overlay, words, shared, key)
            found += [tasks] if tasks else []
            notices += said_of_tasks
            continue
        source = _source(results, name, overlay, made, secret)
        if source is None or source.frame.empty:
            continue
        drawn = _Drawing(results, key, overlay, words, shared).pack(source)
        if drawn:
            said = "，" if lang == "zh" else ", "
            label = f"{source.title}{said}{drawn.pop('said')}" if drawn.get("said") else source.title
            found.append(
                {"name": name, "title": label, "group": overlay["group"], "shown": overlay["shown"], "style": overlay["style"], **drawn}
            )
    return found, secret, notices


def _source(
    results: Results, name: str, overlay: Mapping[str, Any], made: Mapping[str, gpd.GeoDataFrame], secret: list[str]
) -> _Source | None:
    title = overlay_title(overlay, results.lang)
    if "service_area" in overlay:
        return _Source(made[name], title) if name in made else None
    if "evidence" in overlay:
        return _evidence(results, overlay, title, secret)
    layer = results.city.layers.get(overlay["layer"])
    if layer is None or layer.frame is None or ("labelled" in overlay and overlay["layer"] == results.by):
        return None
    title = title or layer.spec.title.get(results.lang)
    if layer.sensitivity == "secret":
        secret.append(title)
        return None
    return _Source(layer.frame, title)


def _evidence(results: Results, overlay: Mapping[str, Any], title: str, secret: list[str]) -> _Source | None:
    """Return the first of the frames named that has features, or all of them as one where they belong ``together``."""
    keys = [overlay["evidence"]] if isinstance(overlay["evidence"], str) else overlay["evidence"]
    present = []
    for key in keys:
        if key in results.evidence and len(results.evidence[key]):
            hidden = [results.city.layer(name).spec.title.get(results.lang) for name in secret_layers(results, key)]
            secret += [layer for layer in hidden if layer not in secret]
            present += [] if hidden else [key]
    if not present:
        return None
    _, said = declared_evidence(results, present[0])
    frame = results.evidence[present[0]]
    if overlay.get("together") and len(present) > 1:
        frame = gpd.GeoDataFrame(pd.concat([results.evidence[key] for key in present], ignore_index=True), crs=results.city.crs)
    said_here = said.title.get(results.lang)
    return _Source(frame, title or said_here[:1].upper() + said_here[1:], overlay.get("by", said.by), said.color)


class _Drawing:
    """One overlay: which features, in which groups, with which facts."""

    def __init__(self, results: Results, key: str, overlay: Mapping[str, Any], words: Mapping[str, Any], shared: Shared) -> None:
        self.results, self.key, self.overlay, self.words, self.shared = results, key, overlay, words, shared
        self.lang: Lang = results.lang

    def pack(self, source: _Source) -> dict[str, Any] | None:
        frame, said = self._reduced(self._each_once(self._drawable(source.frame)))
        if not len(frame):
            return None
        kinds = shapely.get_dimensions(frame.geometry.to_numpy())
        grades = graded(self.results, frame, source.by, source.color)
        groups, index = self._groups(frame, grades)
        facts = self._facts(frame)
        self.shared.once((self.key, "packed"), lambda: self._packed(frame, index, kinds, facts))
        return {
            "blob": self.key,
            "groups": groups,
            "said": self._said_by_zoom(said, groups),
            "points": bool((kinds == 0).all()),
            "legend": self._legend(grades),
            "unit": "" if grades is None else grades.unit,
            "columns": [fact.said() for fact in facts],
            "naming": next((place for place, fact in enumerate(facts) if fact.source == "name"), -1),
            "numbered": self._labelled(frame) if "labelled" in self.overlay else self._numbered(frame),
            "labelled": "labelled" in self.overlay,
            "fades": bool(self.overlay.get("fades")),
            "from_zoom": self.overlay.get("from_zoom", 0),
            "crowded": CROWDED,
        }

    def _packed(self, frame: gpd.GeoDataFrame, index: Ints, kinds: Ints, facts: Sequence[_Fact]) -> None:
        """Put the features into the page, neighbours together, so that the page finds quickly what is in view."""
        geometry = np.asarray(frame.geometry.to_numpy(), dtype=object)
        if (kinds == 1).all() and not facts:  # joined, so that a dash does not begin anew at every joint
            merged = [shapely.line_merge(shapely.multilinestrings(shapely.get_parts(geometry[index == each]))) for each in np.unique(index)]
            geometry, rows = shapely.get_parts(np.array(merged, object), return_index=True)
            index = np.unique(index)[rows]
        if (kinds > 0).any():
            tolerance = float(self.overlay.get("simplify_m", SIMPLIFY_M))
            geometry = simplified(geometry, coverage=False, tolerance=tolerance, most=MAX_VERTICES)
        order = np.arange(len(geometry))
        if len(geometry) > SORTED_FROM:
            order = np.argsort(gpd.GeoSeries(geometry).hilbert_distance().to_numpy(), kind="stable")
        columns = [fact.column(order) for fact in facts]
        self.shared.blobs[self.key] = pack_layer(geometry[order], self.results.city.crs, classes=index[order], columns=columns)

    def _drawable(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Leave out what has no place; unite what comes in tiles, whose edges mean nothing."""
        if self.overlay.get("dissolve"):
            parts = self.shared.once(
                (self.key, "dissolved"), lambda: shapely.get_parts(shapely.union_all(frame.geometry.to_numpy(), grid_size=0.01))
            )
            return gpd.GeoDataFrame(geometry=parts, crs=frame.crs)
        placed = ~(frame.geometry.isna() | frame.geometry.is_empty).to_numpy()
        return frame if placed.all() else frame[placed]

    def _kinds(self, frame: gpd.GeoDataFrame) -> Ints | None:
        """Return the declared kind of each facility, -1 for none; ``None`` where no kinds are declared."""
        if not self.overlay.get("kinds") or "class" not in frame:
            return None
        found = np.full(len(frame), -1)
        for index, kind in enumerate(self.overlay["kinds"]):
            mine = frame["class"].isin(kind["values"]).to_numpy() if "values" in kind else np.ones(len(frame), bool)
            found[mine & (found < 0)] = index
        return found

    def _each_once(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Draw a facility that several metrics count, under one kind, once, with all its classes."""
        kinds = self._kinds(frame)
        if kinds is None or "id" not in frame:
            return frame
        key = pd.MultiIndex.from_arrays([frame["id"].astype(str), shapely.to_wkb(frame.geometry.to_numpy()), kinds])
        every = frame["class"].astype(str).groupby(key).agg(lambda classes: tuple(dict.fromkeys(classes)))
        first = ~key.duplicated()
        return frame[first].assign(**{_CLASSES: every.reindex(key[first]).to_numpy()})

    def _reduced(self, frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, str]:
        """Leave out what is too much for a page, and say so: minor ways, small polygons, places of few residents."""
        major, most = self.overlay.get("major"), MAX_FEATURES
        if len(frame) <= most:
            return frame, ""
        if major and major["field"] in frame:
            return frame[frame[major["field"]].isin(major["values"])], overlay_title(major, self.results.lang)
        counts = {"n": f"{most:,}", "all": f"{len(frame):,}"}
        if "people" in frame:
            kept = np.argsort(-frame["people"].fillna(0).to_numpy(float), kind="stable")[:most]
            return frame.iloc[np.sort(kept)], self.words["most_people"].format(**counts)
        geometry = frame.geometry.to_numpy()
        kept = np.argsort(-(shapely.area(geometry) + shapely.length(geometry) * 1e-6), kind="stable")[:most]
        return frame.iloc[np.sort(kept)], self.words["too_large"].format(**counts)

    def _groups(self, frame: gpd.GeoDataFrame, grades: Graded | None) -> tuple[list[dict[str, Any]], Ints]:
        """Return what is drawn alike, the undermost first, and the group of each feature."""
        weight = float(self.overlay["style"]["weight"])
        major = self.overlay.get("major")
        if grades is not None:
            index = grades.classes.indices(frame[grades.column].to_numpy(dtype=float, na_value=np.nan))
            made = list(zip(grades.classes.colors, grades.classes.labels, strict=True))
            if (index < 0).any():
                made.append((_NO_VALUE, self.words["no_value"]))
                index = np.where(index < 0, len(made) - 1, index)
        elif (kinds := self._kinds(frame)) is not None:
            index = np.where(kinds < 0, len(self.overlay["kinds"]), kinds)
            made = [(kind["color"], overlay_title(kind, self.lang)) for kind in self.overlay["kinds"]]
            if (kinds < 0).any():
                made.append((_NO_VALUE, self.words["no_value"]))
            present = np.unique(index)
            made, index = [made[place] for place in present], np.searchsorted(present, index)
        elif major and major["field"] in frame:
            weights = frame[major["field"]].map(self.overlay.get("weights", {})).fillna(weight).to_numpy(float)
            wide = frame[major["field"]].isin(major["values"]).to_numpy()
            wide = wide | ((~wide).sum() <= CROWDED)
            found, index = np.unique(np.c_[wide, weights], axis=0, return_inverse=True)
            return [{"weight": float(width), "minor": not always} for always, width in found], np.asarray(index, np.int64).ravel()
        else:
            return [{"weight": weight}], np.zeros(len(frame), np.int64)
        counts = np.bincount(index, minlength=len(made)).tolist()
        groups = [
            {"weight": weight, "color": color, "label": label, "count": count} for (color, label), count in zip(made, counts, strict=True)
        ]
        return groups, np.asarray(index, np.int64)

    def _said_by_zoom(self, said: str, groups: Sequence[Mapping[str, Any]]) -> str:
        """Say what is not drawn from afar, where nothing is said already."""
        if not said and self.overlay.get("from_zoom"):
            return str(self.words["from_close"])
        if not said and any(group.get("minor") for group in groups):
            return str(self.words["from_afar"]).format(what=overlay_title(self.overlay["major"], self.lang))
        return said

    def _legend(self, grades: Graded | None) -> str:
        if grades is None:
            return ""
        return (
            grades.title if not grades.unit else Text(f"{grades.title}（{grades.unit}）", f"{grades.title} ({grades.unit})").get(self.lang)
        )

    def _numbered(self, frame: gpd.GeoDataFrame) -> list[list[Any]]:
        """Where the numbers of the first features stand: latitude, longitude, text."""
        column = self.overlay.get("numbered")
        if not column or column not in frame:
            return []
        first = np.argsort(frame[column].to_numpy(float), kind="stable")[: int(self.overlay.get("numbers", 15))]
        inside = shapely.point_on_surface(frame.geometry.to_numpy()[first])
        places = packed_points(inside, self.results.city.crs, OVERLAY_DEGREES)
        xy = np.cumsum(np.reshape(places["points"], (-1, 2)), axis=0) * OVERLAY_DEGREES
        return [[round(y, 5), round(x, 5), f"{rank:g}"] for (x, y), rank in zip(xy.tolist(), frame[column].iloc[first], strict=True)]

    def _labelled(self, frame: gpd.GeoDataFrame) -> list[list[Any]]:
        """Where names of places stand, the largest first: latitude, longitude, text."""
        geometry = np.asarray(frame.geometry.to_numpy(), dtype=object)
        column = self.overlay["labelled"]
        if column not in frame:
            return []
        rows = np.argsort(-shapely.area(geometry), kind="stable")[: int(self.overlay.get("numbers", 80))]
        extent = self.results.city.data_extent
        seen = geometry[rows]
        if extent is not None:  # a name stands where there is something to see
            part = shapely.intersection(seen, extent)
            rows, seen = rows[shapely.area(part) > 0], part[shapely.area(part) > 0]
        places = reproject(shapely.point_on_surface(seen), self.results.city.crs, pyproj.CRS(WGS84))
        return [
            [round(float(at.y), 5), round(float(at.x), 5), str(text)] for at, text in zip(places, frame[column].iloc[rows], strict=True)
        ]

    def _facts(self, frame: gpd.GeoDataFrame) -> list[_Fact]:
        """Gather what the page says of a feature under the pointer; distances only where there are not too many."""
        wanted = [column for column in self.overlay.get("facts", ()) if column in frame]
        distances = [column for column in frame.columns if beyond_m(self.results, str(column)) is not None]
        if "*_m" in self.overlay.get("facts", ()) and len(frame) * (len(distances) + len(wanted)) <= MAX_FACTS:
            wanted += distances
        return [self._fact(frame, str(column)) for column in wanted]

    def _fact(self, frame: gpd.GeoDataFrame, column: str) -> _Fact:
        values = frame[column]
        title = self._title(column)
        if column == "reachable":
            return _Fact(column, self.words["status"], [bool(near) for near in values], {True: "", False: self.words["unreachable"]})
        if column == "class":
            comma = Text("、", ", ").get(self.lang)
            every = frame[_CLASSES].tolist() if _CLASSES in frame else [(str(kind),) for kind in values]
            titles = kinds_of(self.results, pd.DataFrame({"class": [kind for kinds in every for kind in kinds]}))
            return _Fact(column, title, every, {kinds: comma.join(titles[kind] for kind in kinds) for kinds in dict.fromkeys(every)})
        if column in COUNTS and COUNTS[column] in frame:
            return _Fact(column, title, [f"{n} / {of}" for n, of in zip(values, frame[COUNTS[column]], strict=True)])
        if column in (declared := self.overlay.get("values", {})):
            keys = ["" if pd.isna(value) else str(value) for value in values]
            said = {key: text_of(declared[column][key]).get(self.lang) if key in declared[column] else key for key in dict.fromkeys(keys)}
            return _Fact(column, title, keys, said)
        if not pd.api.types.is_numeric_dtype(values):
            return _Fact(column, title, ["" if pd.isna(value) else str(value) for value in values])
        unit = unit_of_column(column)
        label = unit.label.get(self.lang)
        far = beyond_m(self.results, column)
        title = title.removesuffix(f" ({label})").removesuffix(f"（{label}）") if label else title
        known = values.to_numpy(dtype=float, na_value=np.nan)
        return _Fact(column, title, known, unit=label, decimals=unit.decimals, absent="" if far is None else f"> {far:,.0f} {label}")

    def _title(self, column: str) -> str:
        layer = self.results.city.layers.get(self.overlay.get("layer", ""))
        declared = layer.spec.fields.get(column) if layer is not None else None
        if declared is not None:
            return declared.title.get(self.lang)
        return column_title(self.results, column) or column.replace("_", " ")


@dataclass(frozen=True, eq=False)
class _Fact:
    """What is known of each feature: figures, or keys that are the same in both languages, with the text of each where it differs."""

    source: str
    title: str
    values: Any
    texts: Mapping[Any, str] | None = None
    unit: str = ""
    decimals: int = -1
    absent: str = ""

    def column(self, order: Ints) -> Column:
        if self.decimals >= 0:
            return Figures(self.values[order], self.decimals)
        if self.texts is None:
            return Names([self.values[row] for row in order])
        place = {key: index + 1 for index, key in enumerate(self.texts)}
        return Codes(np.array([place[self.values[row]] for row in order], np.int64))

    def said(self) -> dict[str, Any]:
        texts = {} if self.texts is None else {"texts": ["", *self.texts.values()]}
        return {"title": self.title, "text": self.decimals < 0, "unit": self.unit, "absent": self.absent, **texts}
