"""The map: one self-contained page that opens without a network and shows the table, nothing else.

Names and notes are untrusted: they travel as data (JSON with every ``<`` escaped) and reach the page as text only. The page's own
policy allows the scripts written here, by their hash, and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import mimetypes
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from spatial import catalogue
from spatial.areas import BEYOND, CITY, FULL_COVERAGE, OUTSIDE, RESERVED
from spatial.crs import WGS84, choose_crs, name_of, reproject
from spatial.errors import CRSError, ProjectError
from spatial.files import atomic_path
from spatial.outputs.classes import NO_DATA, PARTIAL, classify
from spatial.result import STATUS_TITLES, STATUSES, MetricInfo, Results
from spatial.text import Lang, Text
from spatial.units import UNITS, unit_of

MAX_FEATURES = 5_000
MAX_CELLS = 120_000
SIMPLIFY_M = 1.0
MAX_VERTICES = 120_000
AREA_DEGREES, OVERLAY_DEGREES = 1e-6, 1e-5

Geometries = npt.NDArray[np.object_]


def write_map(results: Results, path: str | Path) -> Path:
    """Write the overview map as one HTML file that makes no request.

    Parameters
    ----------
    results
        A measured city; texts are in ``results.lang``.
    path
        The file; an older one is replaced when the new one is whole. The same results give the same bytes.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    OutputError
        The place cannot be written.
    ProjectError
        The shipped declarations or page parts are missing.
    """
    target = Path(path)
    page = _page(results, catalogue.declarations("maps", results.city.folder)["overview"])
    with atomic_path(target) as part:
        part.write_bytes(page)
    return target


def _text(declared: Mapping[str, Any]) -> Text:
    return Text(str(declared["zh"]), str(declared["en"]))


def _page(results: Results, declared: Mapping[str, Any]) -> bytes:
    """Put together Leaflet, our page parts and the data; forbid everything else."""
    import folium
    from branca.element import CssLink, Element, Figure, JavascriptLink
    from jinja2 import Template

    class Verbatim(Element):  # type: ignore[misc]
        """Text that is not read as a template: an area may be called ``{{ 7 * 7 }}``."""

        _template = Template("{{ this.text }}")

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    payload = _Payload(results, declared).build()
    folder = catalogue.shipped() / "maps" / "page"
    chart = folium.Map(
        location=None, tiles=None, zoom_control="topright", prefer_canvas=True, zoom_snap=0.25, attribution_control=False, max_zoom=19
    )
    chart.default_js, chart.default_css = [], []
    chart._id = "overview"
    figure: Figure = chart.get_root()
    figure.title = html.escape(f"{payload['city']['name']} · {payload['title']}")
    figure.header.add_child(Verbatim(f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}" />'), index=0, name="policy")
    leaflet = _leaflet()
    for name, link in (("leaflet.css", CssLink("leaflet.css")), ("leaflet.js", JavascriptLink("leaflet.js"))):
        link.code = leaflet[name]
        figure.header.add_child(link, name=name)
    figure.render(embedded=True)
    styles, scripts = ("\n".join(_part(folder / name) for name in declared[kind]) for kind in ("styles", "scripts"))
    figure.header.add_child(Verbatim(f"<style>\n{styles}</style>"), name="style")
    figure.html.add_child(Verbatim(f'<script type="application/json" id="spatial-data">{_json(payload)}</script>'), name="data")
    start = f'openPage({chart.get_name()}, JSON.parse(document.getElementById("spatial-data").textContent));'
    figure.script.add_child(Verbatim(_inline(f'(() => {{\n"use strict";\n{scripts}\n{start}\n}})();')), name="page")
    page = Element.render(figure, embedded=True)
    page = page.replace("<html>", f'<html lang="{"zh-CN" if results.lang == "zh" else "en"}">', 1).replace("\r", "")
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL))
    return str(page).replace("SCRIPT_HASHES", hashes, 1).encode("utf-8", "replace")


_POLICY = "default-src 'none'; script-src SCRIPT_HASHES; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(payload: Any) -> str:
    """Write JSON that no HTML parser can leave: ``<`` never stands in it."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(char, escaped)
    return text


def _inline(code: str) -> str:
    """Escape what would end a script element."""
    return re.sub(r"<!--", r"<\\!--", re.sub(r"</(?=script)", r"<\\/", code, flags=re.IGNORECASE))


def _part(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"{path}: a part of the map page is missing; install spatial-planning again") from error


def _leaflet() -> dict[str, str]:
    """Return Leaflet's script and style from the installed package, pictures as data."""
    from xstatic.pkg import leaflet

    base = Path(leaflet.BASE_DIR)

    def picture(match: re.Match[str]) -> str:
        file = base / match[1]
        return f"url(data:{mimetypes.guess_type(file.name)[0]};base64,{base64.b64encode(file.read_bytes()).decode()})"

    style = re.sub(r"url\([\"']?(images/[^)\"']+)[\"']?\)", picture, (base / "leaflet.css").read_text(encoding="utf-8"))
    script = re.sub(r"//# sourceMappingURL=\S+", "", (base / "leaflet.js").read_text(encoding="utf-8"))
    return {"leaflet.css": style, "leaflet.js": _inline(script)}


class _Payload:
    """What the page shows, as plain data: texts once each in one list, rows as numbers of that list."""

    def __init__(self, results: Results, declared: Mapping[str, Any]) -> None:
        self.results = results
        self.declared = declared
        self.lang: Lang = results.lang
        self.words = {key: _text(word).get(self.lang) for key, word in declared["words"].items()}
        self.texts: dict[str, int] = {"": 0}
        self.is_area = results.areas.is_area
        rank = {CITY: 0, OUTSIDE: 1, BEYOND: 2}
        totals = sorted(np.flatnonzero(~self.is_area), key=lambda row: rank[str(results.areas.ids[row])])
        self.order = np.concatenate([np.flatnonzero(self.is_area), np.array(totals, dtype=int)])
        self.table = results.table
        self.notices = [notice.get(self.lang) for notice in results.notices]

    def build(self) -> dict[str, Any]:
        city, areas = self.results.city, self.results.areas
        metrics = self._metrics()
        names = areas.names[self.order]
        shown = [
            RESERVED[key].get(self.lang) if key in RESERVED else str(name) for key, name in zip(areas.ids[self.order], names, strict=True)
        ]
        return {
            "lang": self.lang,
            "title": _text(self.declared["title"]).get(self.lang),
            "words": self.words,
            "statuses": {key: title.get(self.lang) for key, title in STATUS_TITLES.items()},
            "colors": {"no_data": NO_DATA, "partial": PARTIAL},
            "city": self._city(),
            "areas": {
                "ids": [str(key) for key in areas.ids[self.order]],
                "names": shown,
                "count": int(self.is_area.sum()),
                **self._shapes(),
            },
            "metrics": metrics,
            "opens": self._opens(metrics),
            "overlays": self._overlays(),
            "sources": self._sources(),
            "notices": self.notices,
            "attribution": list(dict.fromkeys(text for text in (city.attribution, city.synthetic) if text)),
            "texts": list(self.texts),
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
            "synthetic": city.synthetic,
            "stamp": self._stamp(),
        }

    def _stamp(self) -> str:
        city = self.results.city
        layers = city.layers.values()
        if _in_china(city.crs, self._lonlat(shapely.box(*shapely.total_bounds(self.results.areas.whole)))):
            stamp = _text(self.declared["words"]["stamp"])
            return stamp.zh if self.lang == "zh" else f"{stamp.zh} / {stamp.en}"
        return self.words["stamp"] if any(layer.sensitivity != "public" and layer.origin != "absent" for layer in layers) else ""

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
        points = shapely.point_on_surface(_simplified(visible if len(whole) else visible[:0]))
        degrees = reproject(points, city.crs, pyproj.CRS(WGS84))
        bounds = shapely.bounds(reproject(_boxes(view), city.crs, pyproj.CRS(WGS84)))
        west, south, east, north = (float(edge) for edge in (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)))
        return {
            "shapes": _packed(_simplified(whole), city.crs, AREA_DEGREES),
            "labels": [[round(float(point.y), 6), round(float(point.x), 6)] for point in degrees],
            "outline": _packed(_simplified(outline), city.crs, AREA_DEGREES),
            "extent": _packed(np.array([] if extent is None else [extent], object), city.crs, AREA_DEGREES),
            "view": [[round(south, 6), round(west, 6)], [round(north, 6), round(east, 6)]],
        }

    def _number(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def _metrics(self) -> list[dict[str, Any]]:
        infos = self.results.metrics.values()
        variants = sum(len(info.variants) for info in infos)
        all_variants = variants * len(self.order) <= MAX_CELLS
        if not all_variants:
            self.notices.append(self.words["default_variants"])
        groups = dict(tuple(self.table.groupby(["metric", "variant"], sort=False)))
        found = []
        for info in infos:
            names = list(info.variants) if all_variants else [info.default_variant]
            found.append(
                {
                    "name": info.name,
                    "title": info.title.get(self.lang),
                    "definition": info.definition.get(self.lang),
                    "standard": info.standard.get(self.lang),
                    "unit": unit_of(info.unit).label.get(self.lang) or UNITS["count"].label.zh * (self.lang == "zh") or "n",
                    "variants": [self._variant(info, name, groups[info.name, name]) for name in names],
                }
            )
        return found

    def _variant(self, info: MetricInfo, variant: str, part: pd.DataFrame) -> dict[str, Any]:
        part = part.set_index("area_id").reindex(self.results.areas.ids[self.order])
        unit, label = unit_of(info.unit), unit_of(info.unit).label.get(self.lang)
        count = int(self.is_area.sum())
        value = part["value"].to_numpy(dtype=float)
        status = part["status"].fillna("no_data").to_numpy(dtype=object)
        proper = np.isin(status, ("ok", "estimated")) & np.isfinite(value)
        classes = classify(value[:count][proper[:count]], info.unit, self.lang)
        top = np.max(value[:count][proper[:count]], initial=0.0)
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
        }

    def _column(self, texts: Iterable[str]) -> list[int]:
        return [self._number(text) for text in texts]

    def _base(self, value: float, unit: str) -> str:
        """Show a numerator or denominator in its base unit; where the metric declares none, as a number."""
        if not np.isfinite(value):
            return ""
        return unit_of(unit).show(value, self.lang) if unit else f"{value:,.0f} ({self.words['base_units']})"

    def _opens(self, metrics: list[dict[str, Any]]) -> int:
        ranked = sorted(range(len(metrics)), key=lambda n: metrics[n]["name"] != self.declared["opens_with"])
        with_colour = [n for n in ranked if metrics[n]["variants"][0]["colors"]]
        with_value = [n for n in ranked if any(s != STATUSES.index("no_data") for s in metrics[n]["variants"][0]["status"])]
        return (with_colour or with_value or ranked)[0]

    def _overlays(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        secret: list[str] = []
        for name, overlay in self.declared["overlays"].items():
            frame, title = self._source(overlay, secret)
            if frame is None or frame.empty:
                continue
            made = self._overlay(frame, overlay)
            if made:
                said = "，" if self.lang == "zh" else ", "
                label = f"{title}{said}{made.pop('said')}" if made.get("said") else title
                found.append({"name": name, "title": label, "shown": bool(overlay.get("shown")), "style": overlay["style"], **made})
        if secret:
            self.notices.append(self.words["secret"].format(layers=", ".join(secret)))
        return found

    def _source(self, overlay: Mapping[str, Any], secret: list[str]) -> tuple[gpd.GeoDataFrame | None, str]:
        if "evidence" in overlay:
            return self.results.evidence.get(overlay["evidence"]), _text(overlay["title"]).get(self.lang)
        layer = self.results.city.layers.get(overlay["layer"])
        if layer is None or layer.frame is None:
            return None, ""
        title = layer.spec.title.get(self.lang)
        if layer.sensitivity == "secret":
            secret.append(title)
            return None, title
        return layer.frame, title

    def _overlay(self, frame: gpd.GeoDataFrame, overlay: Mapping[str, Any]) -> dict[str, Any] | None:
        """Pack a frame; too many features are reduced to the major or the largest ones, and that is said."""
        said = ""
        major = overlay.get("major")
        if overlay.get("dissolve"):  # evidence comes in tiles, whose edges mean nothing
            whole = shapely.union_all(frame.geometry.to_numpy(), grid_size=0.01)
            frame = gpd.GeoDataFrame(geometry=shapely.get_parts(whole), crs=frame.crs)
        if len(frame) > MAX_FEATURES and major and major["field"] in frame:
            frame, said = frame[frame[major["field"]].isin(major["values"])], _text(major["title"]).get(self.lang)
        elif len(frame) > MAX_FEATURES:
            geometry = frame.geometry.to_numpy()
            largest = np.argsort(-(shapely.area(geometry) + shapely.length(geometry) * 1e-6), kind="stable")[:MAX_FEATURES]
            said = self.words["too_large"].format(n=f"{MAX_FEATURES:,}", all=f"{len(frame):,}")
            frame = frame.iloc[np.sort(largest)]
        keys = np.full(len(frame), float(overlay["style"]["weight"]))
        if major and major["field"] in frame:
            keys = frame[major["field"]].map(overlay.get("weights", {})).fillna(keys[0] if len(keys) else 0).to_numpy(float)
        geometry = _simplified(frame.geometry.to_numpy(), coverage=False)
        groups = []
        for weight in sorted(set(keys)):
            group = geometry[keys == weight]
            if np.isin(shapely.get_type_id(group), (1, 5)).all():
                group = np.array([shapely.line_merge(shapely.multilinestrings(shapely.get_parts(group)))], object)
            groups.append({"weight": float(weight), "shapes": _packed(group, self.results.city.crs, OVERLAY_DEGREES)})
        return {"groups": groups, "said": said} if len(frame) else None

    def _sources(self) -> list[str]:
        found = []
        for layer in self.results.city.layers.values():
            if layer.origin == "absent":
                continue
            parts = [self.words[f"origin_{part}"] for part in layer.origin.split("+") if f"origin_{part}" in self.words]
            found.append(f"{layer.spec.title.get(self.lang)}: {' + '.join(parts)}{f' ({layer.source})' if layer.source else ''}")
        return found


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


def _simplified(geometry: Geometries, *, coverage: bool = True) -> Geometries:
    """Leave out what cannot be seen (1 m, more where the outlines are very heavy); neighbours keep their common edge."""
    tolerance = SIMPLIFY_M
    while True:
        neighbours = coverage and len(geometry) > 1 and bool(shapely.coverage_is_valid(geometry))
        simple = shapely.coverage_simplify(geometry, tolerance) if neighbours else shapely.simplify(geometry, tolerance)
        if tolerance > 100 or int(shapely.get_num_coordinates(simple).sum()) <= MAX_VERTICES:
            return np.asarray(simple, dtype=object)
        tolerance *= 2.5


def _packed(geometry: Geometries, crs: pyproj.CRS, degrees: float) -> dict[str, Any]:
    """Pack polygons or lines: one list of rings or paths a feature, each as whole steps of ``degrees`` from point to point (x, y, x, y, …).

    Points are left out. The first pair is the position itself.
    """
    shapes: list[list[list[list[int]]]] = []
    for feature in reproject(geometry, crs, pyproj.CRS(WGS84)):
        parts = []
        for part in shapely.get_parts(feature):
            kind = shapely.get_type_id(part)
            rings = shapely.get_rings(part) if kind == 3 else [part] if kind == 1 else []
            steps = [_steps(ring, degrees) for ring in rings]
            steps = [step for step in steps if len(step) >= (8 if kind == 3 else 4)] or steps[:1]
            if steps:
                parts.append(steps)
        shapes.append(parts)
    return {"degrees": degrees, "shapes": shapes}


def _steps(path: Any, degrees: float) -> list[int]:
    whole = np.round(shapely.get_coordinates(path) / degrees).astype(np.int64)
    moved = np.diff(whole, axis=0, prepend=np.zeros((1, 2), np.int64))
    moved = moved[np.r_[True, (moved[1:] != 0).any(axis=1)]]
    return [int(step) for step in moved.ravel()]
