"""How evidence is called, graded and sorted by kind: one answer for the web map and for QGIS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from spatial import catalogue
from spatial.errors import Faults, ProjectError, nearest, shown
from spatial.layers import style_faults
from spatial.metrics.facilities import facility_classes, mapped
from spatial.metrics.walking import class_service_area
from spatial.outputs.classes import Classes, grade
from spatial.result import Evidence, Results
from spatial.text import Lang, Text
from spatial.units import Unit, unit_of

COLUMN_TITLES = {
    "metric": Text("指标", "Metric"),
    "variant": Text("口径", "Variant"),
    "area_id": Text("区域编号", "Area id"),
    "scope": Text("统计范围", "Scope"),
    "date": Text("数据日期", "Date of the data"),
    "area_name": Text("区域名称", "Area"),
    "name": Text("名称", "Name"),
    "value": Text("数值", "Value"),
    "low": Text("下限", "Low"),
    "high": Text("上限", "High"),
    "numerator": Text("分子", "Numerator"),
    "denominator": Text("分母", "Denominator"),
    "unit": Text("单位（1 = 比例 0–1）", "Unit (1 = share 0–1)"),
    "status": Text("状态", "Status"),
    "coverage": Text("数据覆盖率（0–1）", "Coverage by the data (0–1)"),
    "quality": Text("实测占比（0–1）", "Share measured, not assumed (0–1)"),
    "note": Text("说明", "Note"),
    "id": Text("编号", "Id"),
    "key": Text("项目", "Key"),
    "area_m2": Text("面积（平方米）", "Area (m²)"),
    "area_ha": Text("面积（公顷）", "Area (ha)"),
    "length_m": Text("长度（米）", "Length (m)"),
    "road_class": Text("道路类别", "Road class"),
    "estimated": Text("估算", "Estimated"),
    "n": Text("数量（个）", "Count"),
    "class": Text("设施类别", "Kind of facility"),
    "people": Text("居民（人）", "Residents"),
    "rank": Text("排序（居民多者在前）", "Rank by residents"),
    "reached": Text("步行可达类别数", "Classes reached on foot"),
    "of_classes": Text("参评类别数", "Classes that are mapped"),
    "reachable": Text("附近有步行路", "A walkable way is near"),
    "detour_index": Text("绕行系数（倍）", "Detour index (×)"),
    "cut_share": Text("超过 3 倍或不可达的路程占比（0–1）", "Share of ways above 3 times or impossible (0–1)"),
}
# Units of columns that say none in their name.
_UNITS = {"people": "persons", "reached": "classes", "of_classes": "classes", "detour_index": "ratio", "rank": "count"}
_SUFFIXES = {"_m": "m", "_ha": "ha", "_m2": "m2", "_km": "km"}
_PLAIN = Unit("", Text("", ""), 1.0, 2)
# Counts, and the column that says how many there can be.
COUNTS = {"reached": "of_classes"}
KIND_COLORS = ("#2b6cb0", "#c2410c", "#2f855a", "#7b3fa0", "#b7791f", "#9b2c5a", "#0f766e", "#5b6472")


@dataclass(frozen=True)
class Graded:
    """A column by which features are graded: its title, its unit as people read it, and its classes."""

    column: str
    title: str
    unit: str
    classes: Classes


def column_title(results: Results, column: str) -> str | None:
    """Title of a column of evidence; ``None`` where none is known. ``market_m`` is the distance to the nearest market."""
    lang = results.lang
    if column in COLUMN_TITLES:
        return COLUMN_TITLES[column].get(lang)
    kind = facility_classes(results.city).classes.get(column.removesuffix("_m")) if column.endswith("_m") else None
    return None if kind is None else Text(f"距{kind.title.zh}（米）", f"Distance to {kind.title.en} (m)").get(lang)


def beyond_m(results: Results, column: str) -> float | None:
    """How far a distance column looks, metres; beyond, it is empty. ``None`` where the column is no distance to a class."""
    declared = facility_classes(results.city)
    name = column.removesuffix("_m")
    return declared.farthest_m(name) if column.endswith("_m") and name in declared.classes else None


def unit_of_column(column: str) -> Unit:
    """Find the unit of a column, by what is known of it or by its ending; a plain number where nothing tells."""
    code = _UNITS.get(column) or next((unit for ending, unit in _SUFFIXES.items() if column.endswith(ending)), None)
    return unit_of(code) if code else _PLAIN


def declared_evidence(results: Results, key: str) -> tuple[str, Evidence]:
    """Return the title of the metric and what a frame, as ``metric.frame``, is declared to be; its name where nothing is declared."""
    metric, _, name = key.partition(".")
    info = results.metrics.get(metric)
    said = name.replace("_", " ")
    found = info.evidence.get(name) if info is not None else None
    return info.title.get(results.lang) if info is not None else "", found or Evidence(Text(said, said), "#5dade2")


def graded(results: Results, frame: pd.DataFrame, by: str, color: str) -> Graded | None:
    """Grade a frame by a column of numbers; ``None`` where it has no such column or no value.

    Parameters
    ----------
    results
        For the language.
    frame
        Evidence.
    by
        The column.
    color
        ``#rrggbb`` of a single class.
    """
    if not by or by not in frame or not pd.api.types.is_numeric_dtype(frame[by]):
        return None
    unit, lang = unit_of_column(by), results.lang
    values = frame[by].to_numpy(dtype=float, na_value=np.nan)
    most = None
    if by in COUNTS:
        limits = frame[COUNTS[by]] if COUNTS[by] in frame else frame[by]
        most = int(limits.max()) if len(limits) else 0
    classes = grade(values, unit.code or "count", color, lang, most=most)
    if not classes.colors:
        return None
    if most is not None and classes.breaks[-1] == most:
        every = Text(f"{most}（全部）", f"{most} (all)").get(lang)
        classes = Classes(classes.breaks, classes.colors, (*classes.labels[:-1], every))
    title = (column_title(results, by) or by.replace("_", " ")).removesuffix(f" ({unit.label.en})").removesuffix(f"（{unit.label.zh}）")
    return Graded(by, title, "" if most is not None else unit.label.get(lang), classes)


def kinds_of(results: Results, frame: pd.DataFrame) -> dict[str, str]:
    """Kinds of facility in a frame and their titles, in the order of the declarations; empty where it has no column ``class``."""
    if "class" not in frame:
        return {}
    present = set(frame["class"])
    found = {name: kind.title.get(results.lang) for name, kind in facility_classes(results.city).classes.items() if name in present}
    return {**found, **{str(name): str(name) for name in sorted(present - set(found), key=str)}}


def secret_layers(results: Results, frame: pd.DataFrame) -> list[str]:
    """List the secret layers whose features or figures a frame of evidence would show: facilities by name, residents by place."""
    declared = facility_classes(results.city).classes
    shown = [layer for kind in kinds_of(results, frame) if kind in declared for layer in declared[kind].layers]
    if "people" in frame:
        shown.append("population")
    return [layer for layer in dict.fromkeys(shown) if results.city.layer(layer).sensitivity == "secret"]


# What a key of an overlay holds; more is said at the head of maps/overview.toml.
_KEYS: Mapping[str, tuple[type, ...]] = {
    "layer": (str,), "evidence": (str, list), "service_area": (dict,), "title": (dict,), "style": (dict,), "shown": (bool,), "fades": (bool,),
    "dissolve": (bool,), "together": (bool,), "facts": (list,), "numbered": (str,), "by": (str,), "kinds": (dict, list), "major": (dict,),
    "weights": (dict,), "source": (str,), "limit": (int,), "numbers": (int,), "simplify_m": (int, float),
}  # fmt: skip
TASKS = "tasks"  # the one source that is no layer and no evidence: the ledger's records

_WORDS: Mapping[type, str] = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}


def check_overlays(declared: Mapping[str, Any]) -> None:
    """Assert that a map's declaration, which a project may change key by key, can be used."""
    where, faults = str(declared.get("__path__", "maps/overview.toml")), Faults(ProjectError)
    for message in _faults_of_the_page(declared, where):
        faults.add(message)
    faults.raise_if_any()
    overlays = declared["overlays"]
    if not isinstance(overlays, dict) or not all(isinstance(overlay, dict) for overlay in overlays.values()):
        raise ProjectError(f"{where}: overlays must be tables, as in [overlays.parks]")
    for name, overlay in overlays.items():
        for message in catalogue.check_keys(overlay, _KEYS, where=f"{where}: overlays.{shown(name)}"):
            faults.add(message)
        for key, value in overlay.items():
            if key in _KEYS and not isinstance(value, _KEYS[key]):
                faults.add(
                    f"{where}: overlays.{shown(name)}: {key} must be {' or '.join(dict.fromkeys(_WORDS[kind] for kind in _KEYS[key]))}, not {shown(value)}"
                )
        if isinstance(overlay.get("style"), dict):
            missing = [key for key in ("color", "weight") if key not in overlay["style"]]
            for message in style_faults(overlay["style"], where=f"{where}: overlays.{shown(name)}.style"):
                faults.add(message)
            if missing:
                faults.add(f"{where}: overlays.{shown(name)}.style needs {' and '.join(missing)}")
        if "title" in overlay and not _is_text(overlay["title"]):
            faults.add(f'{where}: overlays.{shown(name)}: title must be written {{ zh = "…", en = "…" }}')
        if overlay.get("source", TASKS) != TASKS and isinstance(overlay["source"], str):
            faults.add(f'{where}: overlays.{shown(name)}: source "{shown(overlay["source"])}" is not known; known: {TASKS}')
        if "style" not in overlay or not {"layer", "evidence", "service_area", "source"} & set(overlay):
            faults.add(f"{where}: overlays.{shown(name)} needs style, and one of layer, evidence, service_area and source")
    faults.raise_if_any()


def _faults_of_the_page(declared: Mapping[str, Any], where: str) -> list[str]:
    """List what is wrong beside the overlays: unknown keys, other kinds of value than the shipped ones, texts without a language."""
    shipped = catalogue.declarations("maps")["overview"]
    known = [key for key in shipped if key != "__path__"]
    messages = catalogue.check_keys(declared, known, where=where)
    for key in known:
        if key == "overlays":  # looked at by themselves
            continue
        if type(declared[key]) is not type(shipped[key]):
            messages.append(f"{where}: {key} must be {_WORDS[type(shipped[key])]}, not {shown(declared[key])}")
        elif key in ("styles", "scripts") and declared[key] != shipped[key]:
            messages.append(f"{where}: {key} are parts of the page itself; remove them")
        elif key == "title" and not _is_text(declared[key]):
            messages.append(f'{where}: title must be written {{ zh = "…", en = "…" }}')
        elif key == "words" and not all(_is_text(declared[key].get(word)) for word in shipped[key]):
            absent = [word for word in shipped[key] if not _is_text(declared[key].get(word))]
            messages.append(f'{where}: words lacks {", ".join(absent[:5])}, each written {{ zh = "…", en = "…" }}')
        elif key == "themes" and not all(map(_is_theme, declared[key])):
            messages.append(f"{where}: a theme has a title {{ zh, en }} and, but for the last, a list of metrics")
    return messages


def _is_text(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(lang), str) for lang in ("zh", "en"))


def _is_theme(value: Any) -> bool:
    metrics = value.get("metrics", []) if isinstance(value, dict) else None
    if not isinstance(metrics, list) or value.get("source", "layers") not in ("layers", "ledger", "statistics"):
        return False
    return all(isinstance(name, str) for name in metrics) and _is_text(value.get("title"))


def service_areas(results: Results) -> Iterator[tuple[str, Mapping[str, Any], gpd.GeoDataFrame]]:
    """Make the service areas that the overview map declares, once for the map and the GeoPackage.

    Parameters
    ----------
    results
        Areas are made for classes that a measured metric counted and that are mapped well enough to count: around half of the facilities they
        would mislead.

    Yields
    ------
    name, overlay, frame
        Of the declaration, and disjoint polygons in the city's CRS.

    Raises
    ------
    ProjectError
        A project's declaration names no class, or no distance that the class is asked for. A shipped one is left out where the project asks for
        less.
    """
    city = results.city
    declared = catalogue.declarations("maps", city.folder)["overview"]
    check_overlays(declared)
    shipped = catalogue.declarations("maps")["overview"]["overlays"]
    known = facility_classes(city)
    counted = {kind for key, frame in results.evidence.items() if key.endswith(".sites") for kind in frame["class"]}
    for name, overlay in declared["overlays"].items():
        if "service_area" not in overlay:
            continue
        kind, distance_m = str(overlay["service_area"].get("class")), overlay["service_area"].get("distance_m")
        where = f"{declared['__path__']}: overlays.{name}.service_area"
        if kind not in known.classes:
            raise ProjectError(f'{where}: class "{kind}" is not known{nearest(str(kind), known.classes)}')
        farthest_m = known.farthest_m(kind)
        asked = not isinstance(distance_m, bool) and isinstance(distance_m, int | float) and 0 < distance_m <= farthest_m
        if not asked and overlay != shipped.get(name):
            raise ProjectError(f"{where}: distance_m must lie above 0 and at most at {farthest_m:g}, what facilities.toml asks of {kind}")
        if not asked or kind not in counted or city.layer("roads").missing or _secret(results, known.classes[kind].layers):
            continue
        if mapped(city, kind).verdict != "counts":
            continue
        made = city.memo(("service_area", kind, distance_m), partial(class_service_area, city, kind, distance_m))
        if len(made):
            yield name, overlay, made


def _secret(results: Results, layers: tuple[str, ...]) -> bool:
    return any(results.city.layer(layer).sensitivity == "secret" for layer in (*layers, "roads"))


def overlay_title(overlay: Mapping[str, Any], lang: Lang) -> str:
    """Title of an overlay in the declaration of a map; empty where it has none."""
    return Text(str(overlay["title"]["zh"]), str(overlay["title"]["en"])).get(lang) if "title" in overlay else ""
