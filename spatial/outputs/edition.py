"""The public edition: what of a measured city may be given away, and a refusal where nothing may.

A figure is published where it is the same without what is not public: the city is measured again without those layers, and everything that is
shown comes from that second run. So nothing of a layer that is withheld can reach an output, whatever metric, note or message it would have come by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from spatial.areas import Areas
from spatial.city import City
from spatial.errors import OptionError
from spatial.measurement import measure
from spatial.metrics.facilities import facility_classes, mapped
from spatial.outputs.evidence import service_areas
from spatial.outputs.generalised import generalised, generalised_areas
from spatial.outputs.map_specs import map_specs
from spatial.outputs.release import PUBLIC, Rules, above, released, rules_of
from spatial.outputs.standing_edition import published_standing
from spatial.progress import Progress
from spatial.result import KEY, Results
from spatial.targets.model import Standing
from spatial.text import Text

Judge = Callable[[City, Results, date | None], Standing | None]
Mask = npt.NDArray[np.bool_]

AREAS_ONLY = Text("依据未公开资料统计，仅公布分区数值", "rests on data that are not public: only the figures of the areas are published")


def published(results: Results, *, judge: Judge | None = None, progress: Progress | None = None) -> tuple[Results, Standing | None]:
    """Return what of a measured city may be given away; every output can be written from it.

    Parameters
    ----------
    results
        From ``measure``, with all layers.
    judge
        Says how a city stands by its results, on a day or by default; ``None`` for a city without plans and ledger.
    progress
        Where the steps of the second measurement are reported.

    Returns
    -------
    results, standing
        Results whose ``edition`` is ``public``: rows that are the same without the layers that are not public, rows of areas that rest on an
        internal layer (never on a secret one), evidence that ``editions.toml`` lists, layers reduced, everything generalised, notices first that
        say so. The standing likewise; ``None`` where ``judge`` is or gives none.

    Raises
    ------
    OptionError
        As ``released``; or nothing is left to publish.
    ProjectError
        ``editions.toml`` cannot be used.
    """
    city, rules = results.city, rules_of(results.city.folder)
    progress = progress or Progress()
    outer = _measured_again(results, released(city, results.by), progress)
    hides_secrets = bool(above(city, "internal"))
    inner = _measured_again(results, released(city, results.by, level="internal"), progress) if hides_secrets else results

    free, by_area = _publishable(results, inner, outer, rules)
    if not free and not by_area:
        raise OptionError(
            "--edition public: nothing is left to publish, since every figure rests on a layer that is not public;"
            " name metrics that rest on public layers with --metrics, or state in city.toml which layers are public"
        )
    left = _reduced(results, inner, outer, free, by_area, rules)
    standing = published_standing(judge, results, inner, outer, set(free), set(by_area)) if judge else None
    if standing is not None and left.city.ledger is not None:
        left = replace(left, city=replace(left.city, ledger=_reduced_ledger(left.city.ledger, rules)))
        standing = replace(standing, tasks=_blanked(standing.tasks, rules.withheld_of_tasks))
    return left, standing


def _measured_again(results: Results, city: City, progress: Progress) -> Results:
    """Measure without what is withheld; where nothing is, the results are what they were."""
    if city is results.city:
        return results
    with progress.step("measure again without what is not public"):
        return measure(city, list(results.metrics), results.by, lang=results.lang)


def _publishable(results: Results, inner: Results, outer: Results, rules: Rules) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """List the metrics and variants that may be published whole, and those of which only the figures of the areas may."""
    rows = results.rows
    groups = list(zip(rows["metric"].astype(str), rows["variant"].astype(str), strict=True))
    every = list(dict.fromkeys(groups))
    same_outside, same_inside = _same(rows, outer.rows), _same(rows, inner.rows)
    place = {key: n for n, key in enumerate(every)}
    number = np.array([place[key] for key in groups])
    whole = np.array([bool(same_outside[number == n].all()) for n in range(len(every))])
    counted = np.array([bool(same_inside[number == n].all()) for n in range(len(every))])
    few = _coarse(results.areas, rules)
    return [key for key in every if whole[place[key]]], [key for key in every if counted[place[key]] and not whole[place[key]] and few]


def _same(rows: pd.DataFrame, other: pd.DataFrame) -> Mask:
    """Tell which rows of a table another run gives too, figures, status and notes alike."""
    key = list(KEY)
    twin = other.set_index(key)
    twin = twin[~twin.index.duplicated()].reindex(pd.MultiIndex.from_frame(rows[key]))
    same = np.ones(len(rows), bool)
    for column in rows.columns.difference(key):
        mine, theirs = rows[column].to_numpy(), twin[column].to_numpy()
        if pd.api.types.is_numeric_dtype(rows[column]):
            same &= np.isclose(mine.astype(float), theirs.astype(float), rtol=1e-9, atol=1e-12, equal_nan=True)
        else:
            same &= np.array([a == b or (pd.isna(a) and pd.isna(b)) for a, b in zip(mine, theirs, strict=True)], dtype=bool)
    return same


def _coarse(areas: Areas, rules: Rules) -> bool:
    """Whether every area is so large that a count in it gives no place away."""
    size = shapely.area(areas.whole[areas.is_area])
    return bool((size >= rules.smallest_area_m**2 * (1 - 1e-6)).all())


def _reduced(
    results: Results, inner: Results, outer: Results, free: list[tuple[str, str]], by_area: list[tuple[str, str]], rules: Rules
) -> Results:
    rows = pd.concat([_rows(outer.rows, free), _only_figures(_rows(inner.rows, by_area))], ignore_index=True)
    kept = [*free, *by_area]
    metrics = {}
    for name, info in results.metrics.items():
        variants = {variant: title for variant, title in info.variants.items() if (name, variant) in kept}
        if variants:
            first = info.default_variant if info.default_variant in variants else next(iter(variants))
            metrics[name] = replace(info, variants=variants, default_variant=first)
    whole = {name for name in metrics if all((name, variant) in free for variant in results.metrics[name].variants)}
    evidence = {
        key: _columns(generalised(frame, rules.grid_m), rules.evidence_fields)
        for key, frame in outer.evidence.items()
        if key.partition(".")[0] in whole and any(fnmatchcase(key, pattern) for pattern in rules.evidence)
    }
    gone = len(results.rows[["metric", "variant"]].drop_duplicates()) - len(kept)
    notices = [
        Text(
            f"公开版：轮廓综合到约 {rules.grid_m:g} 米，不含建筑、居民点位和未公开图层；仅供参阅，不得据以量测",
            f"Public edition: outlines are generalised to about {rules.grid_m:g} m; no buildings, no places of residents, no layer that is not public;"
            " for reading, not for measuring on",
        )
    ]
    if gone:
        variants_are = "1 figure rests" if gone == 1 else f"{gone} figures rest"
        notices.append(Text(f"{gone} 项指标口径依据未公开资料，不予公布", f"{variants_are} on data that are not public and are left out"))
    return Results(
        rows,
        generalised_areas(outer.areas, rules.grid_m),
        _reduced_city(outer, rules),
        evidence,
        metrics,
        (*notices, *outer.notices),
        results.by,
        results.lang,
        PUBLIC,
    )


def _rows(rows: pd.DataFrame, kept: list[tuple[str, str]]) -> pd.DataFrame:
    chosen = set(kept)
    return rows[[key in chosen for key in zip(rows["metric"], rows["variant"], strict=True)]]


def _only_figures(rows: pd.DataFrame) -> pd.DataFrame:
    """Take away the notes, which may speak of single features."""
    return rows.assign(note_zh=AREAS_ONLY.zh, note_en=AREAS_ONLY.en)


def _columns(frame: gpd.GeoDataFrame, wanted: tuple[str, ...]) -> gpd.GeoDataFrame:
    return frame[[column for column in frame.columns if column in wanted or column == frame.geometry.name]]


def _reduced_city(outer: Results, rules: Rules) -> City:
    """Keep of every layer where it comes from, and of a few layers the features, coarsely.

    What outputs make of a city (service areas, whether a class is mapped) was made of all of it: it is kept, since of a part it would be wrong.
    """
    city = outer.city
    kinds = facility_classes(city)
    memory: dict[Any, Any] = {("city-wide", "facility classes"): kinds}
    for name in kinds.classes:
        memory[("city-wide", "mapped", name)] = mapped(city, name)
    for spec in map_specs(city.folder).values():
        for _, overlay, made in service_areas(outer, spec):
            asked = overlay["service_area"]
            memory[("service_area", asked["class"], asked["distance_m"])] = generalised(made, rules.grid_m)
    layers = {}
    for name, layer in city.layers.items():
        frame = layer.frame if name in rules.layers else None
        if frame is not None and name == "roads" and "highway" in frame:
            frame = frame[frame["highway"].isin(rules.roads)]
        if frame is not None:
            frame = _columns(generalised(frame, rules.grid_m), rules.fields).reset_index(drop=True)
        said: Mapping[str, Any] = {"openstreetmap": True} if layer.options.get("openstreetmap") else {}
        layers[name] = replace(layer, frame=frame, raster=None, options=said, repairs=())
    return replace(city, layers=layers, _memory=memory)


def _reduced_ledger(ledger: Any, rules: Rules) -> Any:
    return replace(ledger, frame=_blanked(generalised(ledger.frame, rules.grid_m), rules.withheld_of_tasks))


def _blanked(table: Any, columns: tuple[str, ...]) -> Any:
    return table.assign(**{column: "" for column in columns if column in table})
