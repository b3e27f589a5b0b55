"""What a map page shows, as plain data in both languages: texts once each in one list, rows as numbers of that list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from spatial.areas import BEYOND, CITY, FULL_COVERAGE, OUTSIDE, RESERVED
from spatial.crs import WGS84, choose_crs, name_of, reproject
from spatial.errors import CRSError
from spatial.outputs.classes import NO_DATA, PARTIAL, classify
from spatial.outputs.map_specs import MapSpec, text_of
from spatial.outputs.webmap.languages import Shared, Texts, in_both
from spatial.outputs.webmap.overlays import pack_overlays
from spatial.outputs.webmap.shapes import packed, simplified
from spatial.outputs.webmap.targets import PageTargets
from spatial.result import STATUS_TITLES, STATUSES, MetricInfo, Results
from spatial.targets.model import Standing
from spatial.text import Lang
from spatial.units import UNITS, unit_of

MAX_CELLS = 120_000
AREA_DEGREES = 1e-6
SPLIT_FROM = 7  # with so many variants, what is counted and how it is measured are chosen one after the other

Geometries = npt.NDArray[np.object_]


def build_payload(results: Results, spec: MapSpec, standing: Standing | None = None) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Gather what a page shows.

    Parameters
    ----------
    results
        A measured city; the page opens in ``results.lang``.
    spec
        The map.
    standing
        How the city stands; ``None`` for a city without plans.

    Returns
    -------
    data, blobs
        Plain data for JSON, and binary parts by the key under which the data name them.
    """
    shared = Shared()

    def build(lang: Lang, texts: Texts) -> dict[str, Any]:
        return _Payload(results.with_lang(lang), spec, standing, texts, shared).build()

    return {**in_both(build), "lang": results.lang}, shared.blobs


class _Payload:
    """The data of the page in one language."""

    def __init__(self, results: Results, spec: MapSpec, standing: Standing | None, texts: Texts, shared: Shared) -> None:
        self.results, self.standing = results, standing
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
        self.targets = PageTargets(results, standing, results.areas.ids[self.is_area].tolist(), self._number)

    def build(self) -> dict[str, Any]:
        city, areas = self.results.city, self.results.areas
        metrics = self._metrics()
        overlays, secret, said = pack_overlays(self.results, self.spec, self._number, self.shared, self.standing)
        self.notices += said
        if secret:
            self.notices.append(self.words["secret"].format(layers=", ".join(secret)))
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
            **({"targets": targets} if (targets := self.targets.pack(self.words)) else {}),
            **self._opens(metrics),
            "themes": self._themes(metrics),
            "groups": [{"name": key, "title": title.get(self.lang)} for key, title in self.spec.groups.items()],
            "overlays": overlays,
            "sources": self._sources(),
            "notices": self.notices,
            "attribution": list(dict.fromkeys(text for text in (city.attribution, city.synthetic) if text)),
            "sheet": self._sheet(),
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
            "facts": [*([self.words["edition_public"]] if self.results.edition else []), count, date, crs],
            "synthetic": city.synthetic,
            "stamp": self._stamp(),
        }

    def _stamp(self) -> str:
        if self.results.edition:  # refused where the stamp would have to stand
            return ""
        city = self.results.city
        layers = city.layers.values()
        if _in_china(city.crs, self._lonlat(shapely.box(*shapely.total_bounds(self.results.areas.whole)))):
            stamp = text_of(self.spec.words["stamp"])
            return stamp.zh if self.lang == "zh" else f"{stamp.zh} / {stamp.en}"
        levels = [layer.sensitivity for layer in layers if layer.origin != "absent"] + ([city.ledger.sensitivity] if city.ledger else [])
        return self.words["stamp"] if any(level != "public" for level in levels) else ""

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
        bounds = shapely.bounds(reproject(_boxes(view), city.crs, pyproj.CRS(WGS84)))
        west, south, east, north = (float(edge) for edge in (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)))
        return {
            "shapes": packed(simplified(whole), city.crs, AREA_DEGREES),
            "labels": [[round(float(point.y), 6), round(float(point.x), 6)] for point in degrees],
            "outline": packed(simplified(outline), city.crs, AREA_DEGREES),
            "extent": packed(np.array([] if extent is None else [extent], object), city.crs, AREA_DEGREES),
            "view": [[round(south, 6), round(west, 6)], [round(north, 6), round(east, 6)]],
        }

    def _infos(self) -> dict[str, MetricInfo]:
        """Metrics that can be chosen on this map."""
        known = self.results.shown
        return known if self.spec.metrics is None else {name: known[name] for name in self.spec.metrics if name in known}

    def _sheet(self) -> dict[str, Any]:
        """Return what stands in the margin: who issues it, its approval number."""
        sheet = self.results.city.sheet
        return {"issuing_unit": sheet.issuing_unit, "approval_number": sheet.approval_number}

    def _metrics(self) -> list[dict[str, Any]]:
        infos = list(self._infos().values())
        variants = sum(len(info.variants) for info in infos)
        all_variants = variants * len(self.order) <= MAX_CELLS
        if not all_variants:
            self.notices.append(self.words["default_variants"])
        order = self.results.areas.ids[self.order]
        shown = self.table[self.table["metric"].isin([info.name for info in infos])].set_index("area_id")
        groups = {key: part.reindex(order) for key, part in shown.groupby(["metric", "variant"], sort=False)}
        found = []
        for info in infos:
            names = list(info.variants) if all_variants else [info.default_variant]
            halves = _halves([info.variants[name].get(self.lang) for name in names], self.lang)
            found.append(
                {
                    "name": info.name,
                    "title": info.title.get(self.lang),
                    "definition": info.definition.get(self.lang),
                    "standard": info.standard.get(self.lang),
                    "unit": unit_of(info.unit).label.get(self.lang) or UNITS["count"].label.zh * (self.lang == "zh") or "n",
                    "variants": [
                        {**self._variant(info, name, groups[info.name, name]), "halves": half}
                        for name, half in zip(names, halves, strict=True)
                    ],
                }
            )
        return found

    def _variant(self, info: MetricInfo, variant: str, part: pd.DataFrame) -> dict[str, Any]:
        unit, label = unit_of(info.unit), unit_of(info.unit).label.get(self.lang)
        count = int(self.is_area.sum())
        value = part["value"].to_numpy(dtype=float)
        status = part["status"].fillna("no_data").to_numpy(dtype=object)
        proper = np.isin(status, ("ok", "estimated")) & np.isfinite(value)
        classes = classify(value[:count][proper[:count]], info.unit, self.lang, self.spec.classing_of(info.name))
        lines = self.targets.of(info, variant)
        held = [line.wanted[np.isfinite(line.wanted)] for line in lines]
        top = np.max(np.concatenate([value[:count][proper[:count]], *held]), initial=0.0)
        above, below = info.bases.get(variant, ("", ""))
        return {
            "name": variant,
            "title": info.variants[variant].get(self.lang),
            "colors": list(classes.colors),
            "ranges": list(classes.labels),
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
            "numerator": self._column(self._base(v, above) for v in part["numerator"]),
            "denominator": self._column(self._base(v, below) for v in part["denominator"]),
            "note": self._column(str(text) for text in part["note"].fillna("")),
            **self.targets.beside(lines, classes, float(top)),
        }

    def _column(self, texts: Iterable[str]) -> list[int]:
        return [self._number(text) for text in texts]

    def _base(self, value: float, unit: str) -> str:
        """Show a numerator or denominator in its base unit; where the metric declares none, as a number."""
        if not np.isfinite(value):
            return ""
        return unit_of(unit).show(value, self.lang) if unit else f"{value:,.0f} ({self.words['base_units']})"

    def _themes(self, metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Sort the metrics by theme, which names them or where they come from; the rest comes under the last, which names neither."""
        left = {metric["name"]: index for index, metric in enumerate(metrics)}
        infos = self.results.metrics
        found = []
        for theme in self.spec.themes:
            from_there = [name for name in left if infos[name].source == theme["source"]] if "source" in theme else list(left)
            mine = [left.pop(name) for name in theme.get("metrics", from_there) if name in left]
            if mine:
                found.append({"title": text_of(theme["title"]).get(self.lang), "metrics": mine})
        return found

    def _opens(self, metrics: list[dict[str, Any]]) -> dict[str, int]:
        """Which metric and variant are shown first: those declared; another where it was not measured or has nothing to show."""
        name, _, variant = self.spec.opens_with.partition("/")
        ranked = sorted(range(len(metrics)), key=lambda n: metrics[n]["name"] != name)
        first = {n: metrics[n]["variants"][self._variant_first(metrics[n], name, variant)] for n in ranked}
        with_colour = [n for n in ranked if first[n]["colors"]]
        with_value = [n for n in ranked if any(s != STATUSES.index("no_data") for s in first[n]["status"])]
        opens = (with_colour or with_value or ranked)[0]
        return {"opens": opens, "opens_variant": self._variant_first(metrics[opens], name, variant)}

    @staticmethod
    def _variant_first(metric: dict[str, Any], name: str, variant: str) -> int:
        return next((n for n, each in enumerate(metric["variants"]) if metric["name"] == name and each["name"] == variant), 0)

    def _sources(self) -> list[str]:
        found = []
        city = self.results.city
        for layer in city.layers.values():
            if layer.origin == "absent":
                continue
            if city.synthetic and layer.source == city.synthetic:
                found.append(f"{layer.spec.title.get(self.lang)}: {self.words['origin_made_up']}")
                continue
            parts = [self.words[f"origin_{part}"] for part in layer.origin.split("+") if f"origin_{part}" in self.words]
            found.append(f"{layer.spec.title.get(self.lang)}: {' + '.join(parts)}{f' ({layer.source})' if layer.source else ''}")
        return found


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


def _boxes(geometry: Geometries) -> Geometries:
    bounds = shapely.bounds(geometry)
    return np.asarray(shapely.box(bounds[:, 0], bounds[:, 1], bounds[:, 2], bounds[:, 3]), dtype=object)
