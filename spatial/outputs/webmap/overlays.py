"""What can be switched on over the areas: input layers, evidence, service areas, as the map's declaration says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
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
from spatial.outputs.map_specs import TASKS, MapSpec, overlay_title
from spatial.outputs.webmap.languages import Shared
from spatial.outputs.webmap.shapes import SIMPLIFY_M, packed, packed_points, simplified
from spatial.outputs.webmap.tasks import pack_tasks
from spatial.result import Results
from spatial.targets.model import Standing
from spatial.text import Lang, Text

MAX_FEATURES = 5_000
MAX_POINTS = 20_000
MAX_FACTS = 60_000  # figures that travel with the features of one overlay
OVERLAY_DEGREES = 1e-5

_CLASSES = "classes as one text"
_ABSENT = -1  # no column of facts is ever negative

Number = Callable[[str], int]


@dataclass(frozen=True)
class _Source:
    """An overlay's frame, its title, and the column and colour that it is graded by."""

    frame: gpd.GeoDataFrame
    title: str
    by: str = ""
    color: str = ""


@dataclass(frozen=True, eq=False)
class _Group:
    """Features that are drawn alike, by their place in the frame."""

    rows: npt.NDArray[np.int64]
    weight: float
    color: str = ""
    label: str = ""


def pack_overlays(
    results: Results, spec: MapSpec, number: Number, shared: Shared, standing: Standing | None = None
) -> tuple[list[dict[str, Any]], list[str], list[str]]:
    """Pack every overlay that has something to show.

    Parameters
    ----------
    results
        A measured city.
    spec
        The map.
    number
        Gives a text its number in the page's list of texts.
    shared
        What both languages have in common.
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
    for name, declared in spec.overlays.items():
        overlay = {**declared, "shown": name in spec.shown}
        if overlay.get("source") == TASKS:
            tasks, said_of_tasks = pack_tasks(results, standing, name, overlay, words, number)
            found += [tasks] if tasks else []
            notices += said_of_tasks
            continue
        source = _source(results, name, overlay, made, secret)
        if source is None or source.frame.empty:
            continue
        drawn = _Drawing(results, name, overlay, words, number, shared).pack(source)
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
            hidden = [results.city.layer(name).spec.title.get(results.lang) for name in secret_layers(results, results.evidence[key])]
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

    def __init__(
        self, results: Results, name: str, overlay: Mapping[str, Any], words: Mapping[str, Any], number: Number, shared: Shared
    ) -> None:
        self.results, self.name, self.overlay, self.words, self.number, self.shared = results, name, overlay, words, number, shared
        self.lang: Lang = results.lang

    def pack(self, source: _Source) -> dict[str, Any] | None:
        frame, said = self._reduced(self._each_once(source.frame))
        if not len(frame):
            return None
        geometry = np.asarray(frame.geometry.to_numpy(), dtype=object)
        points = bool((shapely.get_dimensions(geometry) == 0).all())
        grades = graded(self.results, frame, source.by, source.color)
        if not points:
            outlines, tolerance = geometry, float(self.overlay.get("simplify_m", SIMPLIFY_M))
            geometry = self.shared.once((self.name, "simplified"), lambda: simplified(outlines, coverage=False, tolerance=tolerance))
        facts = self._facts(frame)
        groups = []
        for place, group in enumerate(self._groups(frame, grades)):
            mine = geometry[group.rows]
            made = {
                "weight": group.weight,
                "shapes": self.shared.once((self.name, place), partial(self._packed, mine, points, bool(facts))),
            }
            if facts:
                made["facts"] = [_once([fact.values[row] for row in group.rows]) for fact in facts]
            if group.color:
                made |= {"color": group.color, "label": group.label, "count": len(group.rows)}
            groups.append(made)
        return {
            "groups": groups,
            "said": said,
            "points": points,
            "legend": self._legend(grades),
            "unit": "" if grades is None else grades.unit,
            "columns": [fact.said() for fact in facts],
            "numbered": self._labelled(frame, geometry) if "labelled" in self.overlay else self._numbered(frame, geometry),
            "labelled": "labelled" in self.overlay,
            "fades": bool(self.overlay.get("fades")),
        }

    def _packed(self, geometry: npt.NDArray[np.object_], points: bool, apart: bool) -> dict[str, Any]:
        """Pack shapes; lines of which nothing is said are joined where they meet."""
        if not apart and np.isin(shapely.get_type_id(geometry), (1, 5)).all():
            geometry = np.array([shapely.line_merge(shapely.multilinestrings(shapely.get_parts(geometry)))], object)
        return (packed_points if points else packed)(geometry, self.results.city.crs, OVERLAY_DEGREES)

    def _kinds(self, frame: gpd.GeoDataFrame) -> npt.NDArray[np.int64] | None:
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
        titles = kinds_of(self.results, frame)
        key = pd.MultiIndex.from_arrays([frame["id"].astype(str), shapely.to_wkb(frame.geometry.to_numpy()), kinds])
        said = (
            frame["class"]
            .astype(str)
            .map(titles)
            .groupby(key)
            .agg(lambda texts: Text("、", ", ").get(self.lang).join(dict.fromkeys(texts)))
        )
        first = ~key.duplicated()
        return frame[first].assign(**{_CLASSES: said.reindex(key[first]).to_numpy()})

    def _reduced(self, frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, str]:
        """Leave out what is too much to draw, and say so: minor ways, small polygons, places of few residents."""
        major = self.overlay.get("major")
        if self.overlay.get("dissolve"):  # evidence comes in tiles, whose edges mean nothing
            whole = shapely.union_all(frame.geometry.to_numpy(), grid_size=0.01)
            frame = gpd.GeoDataFrame(geometry=shapely.get_parts(whole), crs=frame.crs)
        geometry = np.asarray(frame.geometry.to_numpy(), dtype=object)
        most = MAX_POINTS if "people" in frame or (shapely.get_dimensions(geometry) == 0).all() else MAX_FEATURES
        if len(frame) <= most:
            return frame, ""
        if major and major["field"] in frame:
            return frame[frame[major["field"]].isin(major["values"])], overlay_title(major, self.results.lang)
        counts = {"n": f"{most:,}", "all": f"{len(frame):,}"}
        if "people" in frame:
            kept = np.argsort(-frame["people"].fillna(0).to_numpy(float), kind="stable")[:most]
            return frame.iloc[np.sort(kept)], self.words["most_people"].format(**counts)
        kept = np.argsort(-(shapely.area(geometry) + shapely.length(geometry) * 1e-6), kind="stable")[:most]
        return frame.iloc[np.sort(kept)], self.words["too_large"].format(**counts)

    def _groups(self, frame: gpd.GeoDataFrame, grades: Graded | None) -> Iterator[_Group]:
        weight, rows = float(self.overlay["style"]["weight"]), np.arange(len(frame))
        major = self.overlay.get("major")
        if grades is not None:
            index = grades.classes.indices(frame[grades.column].to_numpy(dtype=float, na_value=np.nan))
            for each, (color, label) in enumerate(zip(grades.classes.colors, grades.classes.labels, strict=True)):
                yield _Group(rows[index == each], weight, color, label)
            if (index < 0).any():
                yield _Group(rows[index < 0], weight, "#8a8f98", self.words["no_value"])
        elif (kinds := self._kinds(frame)) is not None:
            for place, kind in enumerate(self.overlay["kinds"]):
                if (kinds == place).any():
                    yield _Group(rows[kinds == place], weight, kind["color"], overlay_title(kind, self.lang))
        elif major and major["field"] in frame:
            keys = frame[major["field"]].map(self.overlay.get("weights", {})).fillna(weight).to_numpy(float)
            for key in sorted(set(keys)):
                yield _Group(rows[keys == key], float(key))
        else:
            yield _Group(rows, weight)

    def _legend(self, grades: Graded | None) -> str:
        if grades is None:
            return ""
        return (
            grades.title if not grades.unit else Text(f"{grades.title}（{grades.unit}）", f"{grades.title} ({grades.unit})").get(self.lang)
        )

    def _numbered(self, frame: gpd.GeoDataFrame, geometry: npt.NDArray[np.object_]) -> list[list[Any]]:
        """Where the numbers of the first features stand: latitude, longitude, text."""
        column = self.overlay.get("numbered")
        if not column or column not in frame:
            return []
        first = np.argsort(frame[column].to_numpy(float), kind="stable")[: int(self.overlay.get("numbers", 15))]
        places = packed_points(shapely.point_on_surface(geometry[first]), self.results.city.crs, OVERLAY_DEGREES)
        xy = np.cumsum(np.reshape(places["points"], (-1, 2)), axis=0) * OVERLAY_DEGREES
        return [[round(y, 5), round(x, 5), f"{rank:g}"] for (x, y), rank in zip(xy.tolist(), frame[column].iloc[first], strict=True)]

    def _labelled(self, frame: gpd.GeoDataFrame, geometry: npt.NDArray[np.object_]) -> list[list[Any]]:
        """Where names of places stand, the largest first: latitude, longitude, text."""
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

    def _field_title(self, column: str) -> str:
        """Title of a field of the layer that is drawn; empty where it declares none."""
        layer = self.results.city.layers.get(self.overlay.get("layer", ""))
        field = None if layer is None else layer.spec.fields.get(column)
        return "" if field is None else field.title.get(self.lang)

    def _fact(self, frame: gpd.GeoDataFrame, column: str) -> _Fact:
        values = frame[column]
        title = column_title(self.results, column) or self._field_title(column) or column.replace("_", " ")
        if column == "reachable":
            said = [self.number("" if near else self.words["unreachable"]) for near in values.to_numpy()]
            return _Fact(self.words["status"], True, said)
        if column == "class":
            titles = kinds_of(self.results, frame)
            said_kinds = frame[_CLASSES] if _CLASSES in frame else values.astype(str).map(titles)
            return _Fact(title, True, [self.number(text) for text in said_kinds])
        if column in COUNTS and COUNTS[column] in frame:
            return _Fact(title, True, [self.number(f"{n} / {of}") for n, of in zip(values, frame[COUNTS[column]], strict=True)])
        if not pd.api.types.is_numeric_dtype(values):
            return _Fact(title, True, [self.number("" if pd.isna(value) else str(value)) for value in values])
        unit = unit_of_column(column)
        label = unit.label.get(self.lang)
        known = values.to_numpy(dtype=float, na_value=np.nan)
        # Never -0, whole numbers without a point: what JSON holds is what the page writes.
        plain = [_ABSENT if not np.isfinite(v) else int(v) if float(v).is_integer() else round(float(v), unit.decimals) for v in known]
        far = beyond_m(self.results, column)
        title = title.removesuffix(f" ({label})").removesuffix(f"（{label}）") if label else title
        return _Fact(title, False, plain, label, "" if far is None else f"> {far:,.0f} {label}")


def _once(values: list[Any]) -> Any:
    """Return the value itself where all are the same."""
    return values[0] if len(set(values)) == 1 else values


@dataclass(frozen=True, eq=False)
class _Fact:
    """A column of the page: texts by number, or figures with a unit and what an absent one means."""

    title: str
    text: bool
    values: Sequence[Any]
    unit: str = ""
    absent: str = ""

    def said(self) -> dict[str, Any]:
        return {"title": self.title, "text": self.text, "unit": self.unit, "absent": self.absent}
