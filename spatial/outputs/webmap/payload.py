"""What a map page shows, as plain data in both languages: texts once each in one list, rows as numbers of that list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from spatial.areas import BEYOND, CITY, FULL_COVERAGE, OUTSIDE, RESERVED
from spatial.base_map import base_map_of, is_openstreetmap
from spatial.crs import WGS84, choose_crs, name_of, reproject
from spatial.errors import CRSError
from spatial.outputs.classes import NO_DATA, PARTIAL, classify
from spatial.outputs.map_specs import OF_TARGETS, MapSpec, text_of
from spatial.outputs.release import PUBLIC, above
from spatial.outputs.webmap.beside import Beside
from spatial.outputs.webmap.data_quality import USABLE, Shown, quality_of, said_of, speaks_of_data, unusable_said, usable
from spatial.outputs.webmap.languages import Shared, Texts, in_both
from spatial.outputs.webmap.overlays import pack_overlays
from spatial.outputs.webmap.provenance import Provenance, quotient
from spatial.outputs.webmap.shapes import packed, simplified
from spatial.outputs.webmap.targets import PageTargets
from spatial.outputs.webmap.what_if import pack_what_if
from spatial.result import STATUS_TITLES, STATUSES, MetricInfo, Results
from spatial.targets.model import Standing
from spatial.text import Lang
from spatial.units import UNITS, unit_of

MAX_CELLS = 120_000
AREA_DEGREES = 1e-6
SPLIT_FROM = 7  # with so many variants, what is counted and how it is measured are chosen one after the other

Geometries = npt.NDArray[np.object_]


def build_payload(
    results: Results, spec: MapSpec, standing: Standing | None = None, beside: Beside | None = None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Gather what a page shows.

    Parameters
    ----------
    results
        A measured city; the page opens in ``results.lang``.
    spec
        The map.
    standing
        How the city stands; ``None`` for a city without plans.
    beside
        Another run, that the page can show beside this one.

    Returns
    -------
    data, blobs
        Plain data for JSON, and binary parts by the key under which the data name them.
    """
    shared = Shared()

    def build(lang: Lang, texts: Texts) -> dict[str, Any]:
        return _Payload(results.with_lang(lang), spec, standing, texts, shared, beside).build()

    return {**in_both(build), "lang": results.lang}, shared.blobs


class _Payload:
    """The data of the page in one language."""

    def __init__(
        self, results: Results, spec: MapSpec, standing: Standing | None, texts: Texts, shared: Shared, beside: Beside | None
    ) -> None:
        self.results, self.standing, self.beside = results, standing, beside
        self.spec, self.shared = spec, shared
        self.lang: Lang = results.lang
        self.words = spec.words_in(self.lang)
        self._number = texts.number
        self.is_area = results.areas.is_area
        rank = {CITY: 0, OUTSIDE: 1, BEYOND: 2}
        totals = sorted(np.flatnonzero(~self.is_area), key=lambda row: rank[str(results.areas.ids[row])])
        self.order = np.concatenate([np.flatnonzero(self.is_area), np.array(totals, dtype=int)])
        self.table = results.table
        self.notices = [notice.get(self.lang) for notice in (*results.notices, *(standing.notes if standing else ()))]
        self.provenance = Provenance(results, self.words)
        self.targets = PageTargets(results, standing, results.areas.ids[self.is_area].tolist(), self._number)

    def build(self) -> dict[str, Any]:
        city, areas = self.results.city, self.results.areas
        metrics = self._metrics()
        overlays, secret, said = pack_overlays(self.results, self.spec, self.shared, self.standing)
        self.notices += said
        if secret:
            self.notices.append(self.words["secret"].format(layers=", ".join(secret)))
        if is_openstreetmap(city.sheet) and self._is_in_china():
            self.notices.append(self.words["osm_in_china"])
        what_if, said = pack_what_if(self.results, self.spec, self.order, self.shared, edition=self.results.edition)
        self.notices += said
        names = areas.names[self.order]
        shown = [
            RESERVED[key].get(self.lang) if key in RESERVED else str(name) for key, name in zip(areas.ids[self.order], names, strict=True)
        ]
        return {
            "name": self.spec.name,
            "title": self.spec.title.get(self.lang),
            "description": self.spec.description.get(self.lang),
            "words": self.words,
            "statuses": {key: title.get(self.lang) for key, title in STATUS_TITLES.items()},
            "colors": {"no_data": NO_DATA, "partial": PARTIAL},
            "city": self._city(),
            "areas": {
                "ids": [str(key) for key in areas.ids[self.order]],
                "names": shown,
                "count": int(self.is_area.sum()),
                **self.shared.once("shapes", self._shapes),
            },
            "metrics": metrics,
            **self._beside(),
            **({"targets": targets} if (targets := self.targets.pack(self.words)) else {}),
            **self._opens(metrics),
            "themes": self._themes(metrics),
            "groups": [{"name": key, "title": title.get(self.lang)} for key, title in self.spec.groups.items()],
            "overlays": overlays,
            "sources": self.provenance.lines,
            **({"what_if": what_if} if what_if else {}),
            "notices": self.notices,
            "attribution": list(dict.fromkeys(text for text in (city.attribution, city.synthetic) if text)),
            "sheet": self._sheet(),
            "base": self._base(),
        }

    def _city(self) -> dict[str, Any]:
        city, by = self.results.city, self.results.by
        if by.startswith("grid:"):
            kind = self.words["grid"].format(size=f"{float(by.removeprefix('grid:').removesuffix('m')):g}")
        else:
            kind = city.layers[by].spec.title.get(self.lang)
        date = f"{self.words['data_date']} {city.date}" if city.date else self.words["date_unknown"]
        count = self.words["area_count"].format(by=kind, n=f"{int(self.is_area.sum()):,}")
        crs = self.words["crs_note"].format(crs=name_of(city.crs))
        return {
            "name": city.name or self.words["untitled"],
            "facts": [count, date, crs],
            "date": date,
            "crs": self.words["crs_note"].format(crs=_crs_title(city.crs, self.lang)),
            "edition": self.words["edition_public"] if self.results.edition else "",
            "synthetic": city.synthetic,
            "stamp": self._stamp(),
        }

    def _stamp(self) -> str:
        """Return what a map bears until it is approved: any of a place in China, and one that shows what is not public."""
        if self.results.edition:  # refused where the stamp would have to stand
            return ""
        city = self.results.city
        withheld = bool(above(city, PUBLIC))  # an approval is for what may be given away, not for what else a working map shows
        if city.sheet.approval_number and not withheld:
            return ""
        if self._is_in_china():
            stamp = text_of(self.spec.words["stamp"])
            return stamp.zh if self.lang == "zh" else f"{stamp.zh} / {stamp.en}"
        return self.words["stamp"] if withheld else ""

    def _is_in_china(self) -> bool:
        return _in_china(self.results.city.crs, self._lonlat(shapely.box(*shapely.total_bounds(self.results.areas.whole))))

    def _lonlat(self, geometry: Any) -> Any:
        return reproject(np.array([geometry], object), self.results.city.crs, pyproj.CRS(WGS84))[0]

    def _shapes(self) -> dict[str, Any]:
        """Outlines of the areas, where their labels stand, the city's outline, the data's edge, the opening view."""
        areas, city = self.results.areas, self.results.city
        whole = areas.whole[self.is_area]
        outline = areas.whole[areas.ids == CITY]
        covered = self.table.loc[self.table.area_id != BEYOND, "coverage"].min() >= FULL_COVERAGE
        extent = None if covered else city.data_extent
        seen = whole if len(whole) else outline
        if extent is not None:
            part = shapely.intersection(seen, extent)
            visible = np.where(shapely.area(part) > 0, part, seen)
            view = part[shapely.area(part) > 0]
        else:
            visible = view = seen
        view = view if len(view) else seen
        points = shapely.point_on_surface(simplified(visible if len(whole) else visible[:0]))
        degrees = reproject(points, city.crs, pyproj.CRS(WGS84))
        west, south, east, north = self._opening_box(view)
        return {
            "shapes": packed(simplified(whole), city.crs, AREA_DEGREES),
            "labels": [[round(float(point.y), 6), round(float(point.x), 6)] for point in degrees],
            "outline": packed(simplified(outline), city.crs, AREA_DEGREES),
            "extent": packed(np.array([] if extent is None else [extent], object), city.crs, AREA_DEGREES),
            "view": [[round(south, 6), round(west, 6)], [round(north, 6), round(east, 6)]],
        }

    def _opening_box(self, seen: Geometries) -> tuple[float, float, float, float]:
        """West, south, east, north of what the map opens on: what is seen of the areas, unless it is declared otherwise."""
        if not isinstance(self.spec.view, str):
            return self.spec.view
        extent = self.results.city.data_extent
        shown = np.array([extent], dtype=object) if self.spec.view == "data" and extent is not None else seen
        bounds = shapely.bounds(reproject(_boxes(shown), self.results.city.crs, pyproj.CRS(WGS84)))
        west, south, east, north = (float(edge) for edge in (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)))
        return west, south, east, north

    def _infos(self) -> dict[str, MetricInfo]:
        """Metrics that can be chosen on this map."""
        return metrics_of(self.results, self.spec, self.standing)

    def _sheet(self) -> dict[str, Any]:
        """Return what stands in the margin: who issues it, the number under which it was approved."""
        sheet = self.results.city.sheet
        return {
            "issuing_unit": sheet.issuing_unit,
            "issued": self.words["issued_by"].format(unit=sheet.issuing_unit) if sheet.issuing_unit else "",
            "approval_number": sheet.approval_number,
            "approved": self.words["approved"].format(number=sheet.approval_number) if sheet.approval_number else "",
        }

    def _base(self) -> dict[str, Any] | None:
        """Return what lies under the map, if anything."""
        base = base_map_of(self.results.city.sheet)
        if base is None:
            return None
        title = self.words["base_map"].format(title=base.title.get(self.lang))
        return {"title": title, "tiles": list(base.tiles), "attribution": base.attribution, "max_zoom": base.max_zoom}

    def _beside(self) -> dict[str, Any]:
        """Return which run stands beside this one, and say what the two do not share."""
        if self.beside is None:
            return {}
        words = self.words["beside"]
        title = self.beside.title(words, self.results.city.date or "")
        counts = {"only_here": self.beside.only_here, "only_there": self.beside.only_there}
        self.notices += [words[key].format(title=title, n=f"{count:,}") for key, count in counts.items() if count]
        if absent := self.beside.absent(list(self._infos().values())):
            names = ("、" if self.lang == "zh" else ", ").join(info.title.get(self.lang) for info in absent)
            self.notices.append(words["absent"].format(title=title, metrics=names))
        return {"beside": {"title": title, "date": self.beside.date}}

    def _metrics(self) -> list[dict[str, Any]]:
        infos = list(self._infos().values())
        variants = sum(len(info.variants) for info in infos)
        all_variants = variants * len(self.order) * (1 if self.beside is None else 2) <= MAX_CELLS
        if not all_variants:
            self.notices.append(self.words["default_variants"])
        order = self.results.areas.ids[self.order]
        shown = self.table[self.table["metric"].isin([info.name for info in infos])].set_index("area_id")
        groups = {key: part.reindex(order) for key, part in shown.groupby(["metric", "variant"], sort=False)}
        return [*self._usable(infos, groups), *(self._metric(info, groups, all_variants) for info in infos)]

    def _metric(self, info: MetricInfo, groups: Mapping[Any, pd.DataFrame], all_variants: bool) -> dict[str, Any]:
        columns = self.spec.shows_of(info.name)
        said = {
            "name": info.name,
            "title": info.title.get(self.lang),
            "definition": info.definition.get(self.lang),
            "standard": info.standard.get(self.lang),
        }
        if columns != ("value",):
            part = groups[info.name, info.default_variant]
            notes = [str(text) for text in part["note"].fillna("")]
            variants = [self._shown(info.name, quality_of(part, column), self.words["shows"][column], notes) for column in columns]
            return {**said, "definition": said_of(columns, self.words, said["definition"]), "unit": "%", "variants": variants}
        names = list(info.variants) if all_variants else [info.default_variant]
        halves = _halves([info.variants[name].get(self.lang) for name in names], self.lang)
        variants = [
            {**self._variant(info, name, groups[info.name, name]), "halves": half} for name, half in zip(names, halves, strict=True)
        ]
        unit = unit_of(info.unit).label.get(self.lang) or UNITS["count"].label.zh * (self.lang == "zh") or "n"
        return {**said, "unit": unit, "variants": variants}

    def _usable(self, infos: Sequence[MetricInfo], groups: Mapping[Any, pd.DataFrame]) -> list[dict[str, Any]]:
        """Count the metrics that can be used in each area, where the map asks for it."""
        words = self.words["shows"]
        counted = [info for info in infos if self.spec.shows_of(info.name) != ("value",)]
        parts = [groups[info.name, info.default_variant] for info in counted]
        if not self.spec.has_usable or not parts:
            return []
        shown = usable(parts, len(self.order))
        titles = (info.title.get(self.lang) for info in counted)
        notes = unusable_said(dict(zip(titles, parts, strict=True)), len(self.order), self.lang)
        return [
            {
                "name": USABLE,
                "title": words["usable"],
                "definition": words["usable_says"].format(n=len(parts)),
                "standard": words["usable_standard"],
                "unit": words["usable_unit"],
                "variants": [self._shown(USABLE, each, words[each.name], notes, len(parts)) for each in shown],
            }
        ]

    def _shown(self, metric: str, shown: Shown, title: str, notes: Sequence[str], most: int = 0) -> dict[str, Any]:
        """Pack figures that are no values of a metric, so that the page draws and lists them as it does values; counts out of ``most``."""
        unit = unit_of(shown.unit)
        count = int(self.is_area.sum())
        proper = np.isin(shown.status, ("ok", "estimated")) & np.isfinite(shown.value)
        known, good = shown.value[:count], proper[:count]
        classes = classify(known[good], shown.unit, self.lang, self.spec.classing_of(metric))
        nothing = [self._number("")] * len(self.order)
        return {
            "name": shown.name,
            "title": title,
            "colors": list(classes.colors),
            "ranges": list(classes.labels),
            "method": classes.method,
            "value": self._column(f"{v:g} / {most}" if most else unit.show(v, self.lang) for v in shown.value),
            "status": [STATUSES.index(s) for s in shown.status],
            "class": [classes.index(v) if ok else -1 for v, ok in zip(known, good, strict=True)],
            "rank": [int(row) for row in np.argsort(np.where(good, -known, np.inf), kind="stable")],
            "bar": [round(100 * float(v) / (most or 1)) if ok else 0 for v, ok in zip(known, good, strict=True)],
            **dict.fromkeys(("range", "coverage", "quality", "numerator", "denominator"), nothing),
            "note": self._column(notes),
            "halves": [],
        }

    def _variant(self, info: MetricInfo, variant: str, part: pd.DataFrame) -> dict[str, Any]:
        unit, label = unit_of(info.unit), unit_of(info.unit).label.get(self.lang)
        count = int(self.is_area.sum())
        value = part["value"].to_numpy(dtype=float)
        status = part["status"].fillna("no_data").to_numpy(dtype=object)
        proper = np.isin(status, ("ok", "estimated")) & np.isfinite(value)
        lines = self.targets.of(info, variant)
        classing, target = self.spec.classing_of(info.name), self.targets.centre(lines)
        classes = classify(value[:count][proper[:count]], info.unit, self.lang, classing, target)
        held = [line.wanted[np.isfinite(line.wanted)] for line in lines]
        top = np.max(np.concatenate([value[:count][proper[:count]], *held]), initial=0.0)
        above, below = info.bases.get(variant, ("", ""))
        return {
            "name": variant,
            "title": info.variants[variant].get(self.lang),
            "colors": list(classes.colors),
            "ranges": list(classes.labels),
            "method": classes.method,
            "value": self._column(unit.show(v, self.lang) for v in value),
            "range": self._column(
                f"{unit.show(a, self.lang).removesuffix(label).strip()} – {unit.show(b, self.lang)}" if a <= b else ""
                for a, b in zip(part["low"], part["high"], strict=True)
            ),
            "status": [STATUSES.index(s) for s in status],
            "class": [classes.index(v) if good else -1 for v, good in zip(value[:count], proper[:count], strict=True)],
            "rank": [int(row) for row in np.argsort(np.where(proper[:count], -value[:count], np.inf), kind="stable")],
            "bar": [round(100 * float(v) / top) if good and top > 0 else 0 for v, good in zip(value[:count], proper[:count], strict=True)],
            "coverage": self._column(f"{v:.1%}" if v < 1 else "" for v in part["coverage"]),
            "quality": self._column(f"{v:.0%}" if v < 1 else "" for v in part["quality"]),
            "numerator": self._column(self._in_base_units(v, above) for v in part["numerator"]),
            "denominator": self._column(self._in_base_units(v, below) for v in part["denominator"]),
            "note": self._column(str(text) for text in part["note"].fillna("")),
            "quotient": quotient(info, part),
            "sources": self.provenance.of(info, variant),
            **self.targets.beside(lines, classes, float(top)),
            **(
                {"beside": self.beside.columns(info, variant, part, classes, self._number, self.words["beside"], self.lang)}
                if self.beside
                else {}
            ),
        }

    def _column(self, texts: Iterable[str]) -> list[int]:
        return [self._number(text) for text in texts]

    def _in_base_units(self, value: float, unit: str) -> str:
        """Show a numerator or denominator in its base unit; where the metric declares none, as a number."""
        if not np.isfinite(value):
            return ""
        return unit_of(unit).show(value, self.lang) if unit else f"{value:,.0f} ({self.words['base_units']})"

    def _themes(self, metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sort the metrics by theme, which names them or where they come from; the rest comes under the last, which names neither."""
        left = {metric["name"]: index for index, metric in enumerate(metrics)}
        infos = self.results.metrics
        found = []
        source = {name: infos[name].source for name in left if name in infos}
        for theme in self.spec.themes:
            from_there = [name for name in left if source.get(name) == theme["source"]] if "source" in theme else list(left)
            mine = [left.pop(name) for name in theme.get("metrics", from_there) if name in left]
            if mine:
                found.append({"title": text_of(theme["title"]).get(self.lang), "metrics": mine})
        return found

    def _opens(self, metrics: list[dict[str, Any]]) -> dict[str, int]:
        """Which metric and variant are shown first: those declared; what comes nearest where they have nothing to show.

        That is another variant of the metric (residential land where nobody knows the residents), else another metric.
        """
        name, _, variant = self.spec.opens_with.partition("/")
        nothing = STATUSES.index("no_data")
        ranked = [
            (n, m, each)
            for n, metric in sorted(enumerate(metrics), key=lambda pair: pair[1]["name"] != name)
            for m, each in sorted(enumerate(metric["variants"]), key=lambda pair: (metric["name"], pair[1]["name"]) != (name, variant))
        ]
        with_colour = [(n, m) for n, m, each in ranked if each["colors"]]
        with_value = [(n, m) for n, m, each in ranked if any(status != nothing for status in each["status"])]
        opens, opens_variant = (with_colour or with_value or [(n, m) for n, m, _ in ranked])[0]
        return {"opens": opens, "opens_variant": opens_variant}


def metrics_of(results: Results, spec: MapSpec, standing: Standing | None) -> dict[str, MetricInfo]:
    """Return the measured metrics that can be chosen on a map, by name."""
    known = results.shown
    if spec.metrics == OF_TARGETS:
        wanted = set() if standing is None else set(standing.targets["measure"])
        names = [name for name, info in known.items() if name in wanted or info.source == "ledger"]
    else:
        names = list(known) if spec.metrics is None else [name for name in spec.metrics if name in known]
    shown = {name: known[name] for name in names}
    return {name: info for name, info in shown.items() if spec.shows_of(name) == ("value",) or speaks_of_data(info)}


def _halves(titles: Sequence[str], lang: Lang) -> list[list[str]]:
    """Part titles of variants into what is counted and how it is measured, their last two parts; empty where that brings nothing."""
    comma = "，" if lang == "zh" else ", "
    parts = [title.split(comma) for title in titles]
    heads = [comma.join(part[:-2]) for part in parts]
    if len(titles) < SPLIT_FROM or len(set(heads)) < 2 or not all(heads):
        return [[] for _ in titles]
    return [[head, comma.join(part[-2:])] for head, part in zip(heads, parts, strict=True)]


def _in_china(crs: pyproj.CRS, place: Any) -> bool:
    """Whether the map shows a place in China: by its datum, or by where it lies."""
    if crs.geodetic_crs is not None and crs.geodetic_crs.to_epsg() == 4490:
        return True
    centre = shapely.centroid(place)
    try:
        return 4491 <= (choose_crs(centre.x, centre.y).to_epsg() or 0) <= 4554
    except CRSError:
        return False


def _crs_title(crs: pyproj.CRS, lang: Lang) -> str:
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


def _boxes(geometry: Geometries) -> Geometries:
    bounds = shapely.bounds(geometry)
    return np.asarray(shapely.box(bounds[:, 0], bounds[:, 1], bounds[:, 2], bounds[:, 3]), dtype=object)
