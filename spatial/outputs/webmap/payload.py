"""What a map page shows, as plain data in both languages: texts once each in one list, rows as numbers of that list."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyproj
import shapely

from spatial.areas import BEYOND, CITY, FULL_COVERAGE, OUTSIDE, RESERVED
from spatial.base_map import base_map_of, is_openstreetmap
from spatial.crs import WGS84, name_of, reproject
from spatial.outputs.classes import NO_DATA, PARTIAL
from spatial.outputs.map_specs import MapSpec, text_of
from spatial.outputs.margin import is_in_china, said_of_areas, said_of_crs, said_of_date, stamp_of
from spatial.outputs.webmap.beside import Beside
from spatial.outputs.webmap.figures import PageFigures, metrics_of
from spatial.outputs.webmap.languages import Shared, Texts, in_both
from spatial.outputs.webmap.overlays import pack_overlays
from spatial.outputs.webmap.provenance import Provenance
from spatial.outputs.webmap.shapes import packed, simplified
from spatial.outputs.webmap.targets import PageTargets
from spatial.outputs.webmap.what_if import pack_what_if
from spatial.result import STATUS_TITLES, STATUSES, Results
from spatial.targets.model import Standing
from spatial.text import Lang

AREA_DEGREES = 1e-6

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
        self.is_area = results.areas.is_area
        rank = {CITY: 0, OUTSIDE: 1, BEYOND: 2}
        totals = sorted(np.flatnonzero(~self.is_area), key=lambda row: rank[str(results.areas.ids[row])])
        self.order = np.concatenate([np.flatnonzero(self.is_area), np.array(totals, dtype=int)])
        self.table = results.table
        self.notices = [notice.get(self.lang) for notice in (*results.notices, *(standing.notes if standing else ()))]
        self.provenance = Provenance(results, self.words)
        self.targets = PageTargets(results, standing, results.areas.ids[self.is_area].tolist(), texts.number)
        self.infos = metrics_of(results, spec, standing)

    def build(self) -> dict[str, Any]:
        city, areas = self.results.city, self.results.areas
        figures = PageFigures(self.results, self.spec, self.infos, self.order, self.targets, self.beside, self.provenance, self.shared)
        metrics = figures.pack()
        if not figures.all_variants:
            self.notices.append(self.words["default_variants"])
        overlays, secret, said = pack_overlays(self.results, self.spec, self.shared, self.standing)
        self.notices += said
        if secret:
            self.notices.append(self.words["secret"].format(layers=", ".join(secret)))
        if is_openstreetmap(city.sheet) and is_in_china(self.results):
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
            "attribution": [text for text in (city.licence_notice, city.synthetic) if text],
            "licensed": bool(city.licence_notice),
            "sheet": self._sheet(),
            "base": self._base(),
        }

    def _city(self) -> dict[str, Any]:
        city = self.results.city
        date, count = said_of_date(city, self.words), said_of_areas(self.results, self.spec)
        crs = self.words["crs_note"].format(crs=name_of(city.crs))
        return {
            "name": city.name or self.words["untitled"],
            "facts": [count, date, crs],
            "date": date,
            "crs": self.words["crs_note"].format(crs=said_of_crs(city.crs, self.lang)),
            "edition": self.words["edition_public"] if self.results.edition else "",
            "synthetic": city.synthetic,
            "stamp": " / ".join(stamp_of(self.results, self.spec)),
        }

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
        if absent := self.beside.absent(list(self.infos.values())):
            names = ("、" if self.lang == "zh" else ", ").join(info.title.get(self.lang) for info in absent)
            self.notices.append(words["absent"].format(title=title, metrics=names))
        return {"beside": {"title": title, "date": self.beside.date}}

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


def _boxes(geometry: Geometries) -> Geometries:
    bounds = shapely.bounds(geometry)
    return np.asarray(shapely.box(bounds[:, 0], bounds[:, 1], bounds[:, 2], bounds[:, 3]), dtype=object)
