"""Sites that were chosen together: a table, layers for any GIS, and a map, in one folder that is whole or not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from spatial.city import City
from spatial.crs import WGS84
from spatial.errors import OutputError, ProjectError, sample
from spatial.files import staged_folder, writing
from spatial.outputs.cells import figure, safe_cell
from spatial.outputs.geopackage import write_geopackage
from spatial.outputs.views import Column, Figure, Row, View, text_of
from spatial.outputs.webmap import write_map
from spatial.progress import Progress
from spatial.result import SCHEMA_VERSION, Results
from spatial.siting import Chosen
from spatial.text import Lang, Text

SITES, FILES = "sites.json", ("links.csv", "links.geojson", "links.gpkg", "links.qgz", "map.html", "sites.json")
_SHOWN = ("roads", "planned_roads", "gates", "road_ends", "landuse", "facilities", "population", "buildings", "water", "rail")
EVIDENCE, MAP = "dead_end_roads_open.links", "dead_ends"


def sites_folder(target: Path) -> Path:
    """Return a folder for sites, before anything is computed.

    Raises
    ------
    OutputError
        It is a file, or holds what these sites would not replace.
    """
    with writing(target):
        target = target.resolve()
        if target.exists() and not target.is_dir():
            raise OutputError(f"{target}: is a file; choose a folder with --out")
        there = {path.name for path in target.iterdir()} if target.is_dir() else set()
        if others := sorted(there - set(FILES)):
            raise OutputError(f"{target}: also holds {sample(others)}, which new sites would remove; choose another folder with --out")
        if there and not _holds_sites(target):  # files of these names may be anybody's
            raise OutputError(f"{target}: holds {sample(sorted(there))}, but no sites of an earlier call; choose another folder with --out")
    return target


def _holds_sites(folder: Path) -> bool:
    try:
        said = json.loads((folder / SITES).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("files") == list(FILES)


def check_openly_drawn(city: City) -> None:
    """Refuse links of a city where what they show is secret: files that anyone may pass on would say where it is.

    Raises
    ------
    ProjectError
        A layer is secret that links run along, cross or end at, or whose residents they count by place.
    """
    if secret := [name for name in _SHOWN if name in city.layers and city.layer(name).sensitivity == "secret"]:
        raise ProjectError(
            f"{sample(secret)}: secret; links would show where these lie; leave out of city.toml what is secret to choose links without it"
        )


def write_links(chosen: Chosen, results: Results, target: Path, options: Mapping[str, Any], *, progress: Progress) -> list[Path]:
    """Write links that open dead ends; the folder appears when it is whole.

    Parameters
    ----------
    chosen
        From ``choose_links``.
    results
        The city with ``dead_end_roads_open`` measured: the map and the GeoPackage show the chosen links over it.
    target
        From ``sites_folder``.
    options
        What was asked for, for ``sites.json``.
    progress
        Where steps are reported.

    Returns
    -------
    list of Path
        ``links.csv`` (UTF-8 with BOM, in the order of the choice, fixed in format), ``links.geojson`` (degrees WGS-84), ``links.gpkg`` with its
        project for QGIS, ``map.html``, ``sites.json``.

    Raises
    ------
    OutputError
        No space, no permission, or something came to stand there meanwhile; nothing half written is left.
    """
    mine = results.evidence[EVIDENCE].columns if EVIDENCE in results.evidence else []
    shown = chosen.links.drop(columns="link_rank").rename(columns={"order": "link_rank"})
    evidence = {**results.evidence, EVIDENCE: shown[[*(name for name in mine if name in shown.columns)]] if len(mine) else shown}
    with staged_folder(target, replace=lambda: sites_folder(target)) as stage, writing(target):
        with progress.step("write tables"):
            table(chosen).to_csv(stage / "links.csv", index=False, encoding="utf-8-sig", lineterminator="\n")
            (stage / "links.geojson").write_text(_geojson(chosen, results.city), encoding="utf-8")
        with progress.step("write links.gpkg"):
            write_geopackage(replace(results, evidence=evidence), stage / "links.gpkg")
        with progress.step("write map.html"):
            write_map(replace(results, evidence=evidence), stage / "map.html", name=MAP)
        (stage / SITES).write_text(_json(chosen, results, options), encoding="utf-8")
    return [target / name for name in FILES]


def table(chosen: Chosen) -> pd.DataFrame:
    """Return the chosen links as a spreadsheet may hold them: harmless text, figures of a fixed form."""
    out = pd.DataFrame(chosen.links.drop(columns="geometry"))
    for column in out.columns:
        if pd.api.types.is_float_dtype(out[column]):
            out[column] = [figure(value) for value in out[column]]
        elif not pd.api.types.is_integer_dtype(out[column]):
            out[column] = [safe_cell(value) for value in out[column]]
    return out


def links_view(chosen: Chosen) -> View:
    """Return the chosen links as people read them."""
    unit = "km" if not chosen.people else "number"
    columns = (
        Column(Text("次序", "Order"), 6, _number("order"), True),
        Column(Text("道路", "Street"), 24, _street, True),
        Column(Text("区域", "Area"), 14, text_of("area_name"), True),
        Column(Text("长度", "Length"), 10, _figure("length_m", "m"), True),
        Column(Text("此前绕行", "Detour before"), 12, _detour, True),
        Column(Text("受益居民", "Residents who gain"), 12, _figure("people", "persons"), True),
        Column(Text("人均省路", "Saved by each"), 12, _figure("saving_m", "m"), True),
        Column(
            Text("增量（人·公里）" if chosen.people else "增量（公里）", "Adds (person-km)" if chosen.people else "Adds (km)"),
            14,
            _figure("added", unit),
            True,
        ),
        Column(Text("累计占上限", "Share of the bound"), 10, _figure("share", "1"), True),
        Column(Text("穿越", "Crosses"), 30, _crosses, True),
    )
    return View(
        Text("断头路连接线", "Links that open dead ends"),
        columns,
        pd.DataFrame(chosen.links.drop(columns="geometry")),
        Text("没有可选的连接线", "there is no link to choose"),
    )


def _number(key: str) -> Any:
    return lambda row, lang: Figure(float(row[key]), "number")


def _figure(key: str, unit: str) -> Any:
    def cell(row: Row, lang: Lang) -> Figure:
        value = float(row[key])
        return Figure(round(value) if unit in ("m", "persons", "number") and np.isfinite(value) else value, unit)

    return cell


def _street(row: Row, lang: Lang) -> str:
    name = str(row["name"] or Text("（无名）", "(no name)").get(lang))
    return f"{name} {Text('（规划道路）', '(planned road)').get(lang)}" if row["planned"] == "yes" else name


def _detour(row: Row, lang: Lang) -> Figure | str:
    return (
        _figure("detour_before_m", "m")(row, lang)
        if np.isfinite(row["detour_before_m"])
        else Text("5 公里内不通", "none in 5 km").get(lang)
    )


def _crosses(row: Row, lang: Lang) -> str:
    said = []
    for key, words in (
        ("buildings", Text("建筑 {} 栋", "{} buildings")), ("water_m", Text("水面 {} 米", "{} m of water")), ("tracks", Text("铁路 {} 股", "{} tracks")),
    ):  # fmt: skip
        if row[key] > 0:
            said.append(words.get(lang).format(round(row[key])))
    return Text("，", ", ").get(lang).join(said)


def _geojson(chosen: Chosen, city: City) -> str:
    """Links in degrees; every text is data between quotes."""
    frame = chosen.links.to_crs(WGS84)
    names = [name for name in frame.columns if name != "geometry"]
    shapes = shapely.to_geojson(shapely.set_precision(np.asarray(frame.geometry.to_numpy(), dtype=object), 1e-7)) if len(frame) else []
    features = [
        {"type": "Feature", "geometry": json.loads(shape), "properties": {name: _plain(frame[name].iloc[row]) for name in names}}
        for row, shape in enumerate(shapes)
    ]
    whole = {"type": "FeatureCollection", "attribution": city.attribution, "features": features}
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _json(chosen: Chosen, results: Results, options: Mapping[str, Any]) -> str:
    city = results.city
    content = {
        "schema_version": SCHEMA_VERSION,
        "city": city.name,
        "synthetic": city.synthetic,
        "date": city.date,
        "attribution": city.attribution,
        "inputs": [dict(entry) for entry in city.inputs],
        "options": dict(options),
        "files": list(FILES),
        "links": len(chosen.links),
        "candidates": chosen.candidates,
        "dead_ends": chosen.dead_ends,
        "unit": "person-km" if chosen.people else "km",
        "saved": round(chosen.saved_km, 2),
        "bound": round(chosen.all_km, 2),
        "notes": [{"zh": note.zh, "en": note.en} for note in chosen.notes],
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
