"""Run metrics over areas: coverage, scope, band and status are decided here, once for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from spatial.areas import CITY, FULL_COVERAGE, OUTSIDE, RESERVED, Areas
from spatial.city import City
from spatial.errors import MetricError, OptionError, SpatialError
from spatial.ledger.answer import says_something
from spatial.ledger.declared import ledger_metrics
from spatial.metrics import Metric, find, registered
from spatial.metrics.completeness import thin_layers
from spatial.metrics.land import built_up_area, built_up_scopes
from spatial.progress import Progress
from spatial.result import MetricResult, Results
from spatial.text import Lang, Text, joined

LITTLE_GROUND_M2, LITTLE_GROUND_SHARE = 10_000.0, 0.05
AND_ESTIMATED = Text("且为估算", "and estimated")
NOT_COVERED = Text("数据未覆盖", "the data do not cover this area")
_NO_GROUND = Text("该区内没有建成区", "no built-up area here")
_LITTLE_GROUND = Text(
    "该区建成区太小（不足 1 公顷且不足 5 %），不作计算", "less than 1 ha and 5 % of it is built up: too little to measure"
)
UNPLACED = Text("既无位置又未写明所在区的记录", "records without a place that name no area")
_NO_BASE = Text("分母为零", "nothing to divide by")


def measure(
    city: City, metrics: Iterable[str] | str | None = None, by: str = "districts", *, lang: Lang = "en", progress: Progress | None = None
) -> Results:
    """Measure a city.

    Parameters
    ----------
    city
        From ``open_city`` or ``City.from_layers``.
    metrics
        Names, or one name; ``None`` for every registered one, but for those of a ledger or of statistics that say nothing of the city.
    by
        ``districts``, ``grid:SIZE_M``, or any polygon layer.
    lang
        Language of notes and titles.
    progress
        Where steps are reported.

    Returns
    -------
    Results
        Table, evidence, areas.

    Raises
    ------
    OptionError
        An unknown metric or layer.
    ProjectError
        There is nothing to report by.
    MetricError
        A metric of another package fails, or answers in a way that cannot be used.
    """
    progress = progress or Progress()
    if lang not in ("zh", "en"):
        raise OptionError(f'lang "{lang}" is not zh or en')
    if metrics is None:
        chosen = [metric for metric in registered(city.folder).values() if has_something_to_say(metric, city)]
    else:
        chosen = find([metrics] if isinstance(metrics, str) else metrics, city.folder)
    if not chosen:
        raise OptionError('no metric was named; leave metrics out for all, or see "spatial list"')
    areas = city.areas(by)
    covered: dict[bytes | None, Areas] = {}
    rows: list[dict[str, Any]] = []
    evidence: dict[str, gpd.GeoDataFrame] = {}
    for metric in chosen:
        with progress.step(f"measure {metric.name}"):
            for variant in metric.variants:
                here = _covered(city, areas, metric, variant, covered)
                table, found = _variant(city, here, metric, variant)
                rows.append(table)
                for key, frame in found.items():
                    taken = f"{metric.name}.{key}" in evidence
                    evidence[f"{metric.name}.{key}_{variant}" if taken else f"{metric.name}.{key}"] = frame
    notices = list(city.notices)
    if areas.overlap_m2 > 1.0:
        notices.append(
            Text(
                f"各区有重叠，共 {areas.overlap_m2 / 1e6:.3f} 平方公里：各区之和大于全市",
                f"areas overlap by {areas.overlap_m2 / 1e6:.3f} km²: they sum to more than the city",
            )
        )
    return Results(
        pd.DataFrame({name: np.concatenate([part[name] for part in rows]) for name in rows[0]}),
        areas,
        city,
        evidence,
        {metric.name: metric.info() for metric in chosen},
        tuple(notices),
        by,
        lang,
    )


def measured_areas(city: City, asked: Iterable[tuple[str, str]], by: str = "districts") -> list[Areas]:
    """Return the rows that metrics are given: areas, cut to what their layers cover and to their scope.

    Parameters
    ----------
    city
        As it was measured.
    asked
        Metrics, each with one of its variants.
    by
        As in ``measure``.

    Returns
    -------
    list of Areas
        One for each, in the order of ``city.areas(by)``; those over the same ground are the same.
    """
    known: dict[bytes | None, Areas] = {}
    found = []
    for name, variant in asked:
        (metric,) = find([name], city.folder)
        here = _covered(city, city.areas(by), metric, variant, known)
        found.append(built_up_scopes(city, here)[0] if metric.scope == "built_up_area" else here)
    return found


def has_something_to_say(metric: Metric, city: City) -> bool:
    """Tell whether a full run shows a metric: a hundred empty columns that nobody gave anything for would hide the rest.

    Parameters
    ----------
    metric
        Any; only those of a ledger or of statistics may have nothing to say.
    city
        With the ledger and the statistics.

    Returns
    -------
    bool
        Whether the city's records speak of it.
    """
    if metric.source == "statistics":
        return city.statistics is not None and metric.name in set(city.statistics.frame["metric"])
    if metric.source == "ledger":
        declared = city.memo(("city-wide", "ledger metrics"), lambda: ledger_metrics(city.folder))
        return says_something(city.ledger, declared[metric.name])
    return True


def _covered(city: City, areas: Areas, metric: Metric, variant: str, known: dict[bytes | None, Areas]) -> Areas:
    """Restrict areas to where all needed layers, and the scope, tell the truth."""
    needs = metric.needs_of(variant)
    extents = [city.layer(name).extent for name in needs]
    if metric.scope == "built_up_area" or (not needs and metric.source == "layers"):
        extents.append(built_up_area(city).extent)
    given = list({shapely.to_wkb(extent): extent for extent in extents if extent is not None}.values())
    extent = shapely.intersection_all(given) if given else None
    key = None if extent is None else shapely.to_wkb(shapely.normalize(extent))
    if key not in known:
        known[key] = areas.covered_by(extent)
    return known[key]


def _variant(city: City, areas: Areas, metric: Metric, variant: str) -> tuple[dict[str, Any], dict[str, gpd.GeoDataFrame]]:
    missing = [why for name in metric.needs_of(variant) if (why := city.layer(name).missing)]
    if missing:
        return _table(city, areas, metric, variant, MetricResult(np.full(len(areas), np.nan), notes=missing), empty=True), {}
    notes: list[Text] = []
    estimated = False
    scoped: Areas = areas
    band: tuple[Areas, ...] = ()
    if metric.scope == "built_up_area":
        built = built_up_area(city)
        notes += built.notes
        estimated = built.estimated
        scoped, band = built_up_scopes(city, areas)
        if not len(built.ground):
            return _table(city, areas, metric, variant, MetricResult(np.full(len(areas), np.nan), notes=notes), empty=True), {}
    result = _answer(metric, city, scoped, variant)
    if metric.scope == "built_up_area":
        result = _without_slivers(result, scoped)
    low, high = _band(result, [_without_slivers(_answer(metric, city, other, variant), other) for other in band])
    thin = thin_layers(city)
    reasons = [thin[name] for name in metric.thin if name in thin]
    table = _table(
        city,
        scoped,
        metric,
        variant,
        result,
        low=low,
        high=high,
        estimated=estimated or bool(reasons),
        notes=[*notes, *reasons],
        poor=bool(reasons),
    )
    if metric.source == "ledger":
        table = _closed(table, areas)
    found = {key: frame() if callable(frame) else frame for key, frame in result.evidence.items()}
    for key, frame in found.items():
        if not isinstance(frame, gpd.GeoDataFrame) or frame.crs != city.crs:
            raise MetricError(f"metric {metric.name} ({variant}): evidence {key} must be a GeoDataFrame in the city's CRS")
    return table, found


def _closed(table: dict[str, Any], areas: Areas) -> dict[str, Any]:
    """Close the sum where records name no area and no ground lies outside all areas: what only the city has gets a row of its own."""
    whole, parts = np.flatnonzero(areas.ids == CITY), areas.is_area
    if not len(whole) or not parts.any() or OUTSIDE in areas.ids or areas.overlap_m2 > 1.0 or table["unit"][0] == "boolean":
        return table
    city = int(whole[0])
    rest = {key: table[key][city] - np.nansum(table[key][parts]) for key in ("value", "numerator", "denominator")}
    if not rest["numerator"] > 1e-9 * max(abs(table["numerator"][city]), 1.0) and not rest["denominator"] > 0:
        return table
    if np.isfinite(rest["denominator"]):
        rest["value"] = rest["numerator"] / rest["denominator"] if rest["denominator"] > 0 else np.nan
    said = {
        "area_id": OUTSIDE,
        "area_name": RESERVED[OUTSIDE].en,
        "status": "ok" if np.isfinite(rest["value"]) else "no_data",
        **rest,
        "note_zh": f"{table['note_zh'][city]}；{UNPLACED.zh}",
        "note_en": f"{table['note_en'][city]}; {UNPLACED.en}",
    }
    return {key: np.append(column, np.array([said.get(key, column[city])], dtype=column.dtype)) for key, column in table.items()}


def _answer(metric: Metric, city: City, areas: Areas, variant: str) -> MetricResult:
    """Compute a variant and assert that it answers for every row; a metric of another package may not."""
    where = f"metric {metric.name}" + (f" ({variant})" if variant else "")
    try:
        result = metric(city, areas, variant=variant)
    except SpatialError:
        raise
    except Exception as error:
        if metric.function.__module__.startswith("spatial."):
            raise
        raise MetricError(f"{where}: failed with {type(error).__name__}: {error}; report it to whoever wrote the metric") from error
    if not isinstance(result, MetricResult):
        raise MetricError(f"{where}: must return a MetricResult, not {type(result).__name__}")
    for name in ("value", "numerator", "denominator", "low", "high", "quality"):
        column = getattr(result, name)
        if column is None:
            continue
        if not isinstance(column, np.ndarray) or column.shape != (len(areas),) or column.dtype.kind not in "fiu":
            raise MetricError(f"{where}: {name} must be an array of {len(areas)} numbers, one a row of areas")
        if np.isinf(column).any():
            raise MetricError(f"{where}: {name} is infinite in {int(np.isinf(column).sum())} rows; give NaN where there is nothing to say")
    if result.quality is not None and ((result.quality < 0) | (result.quality > 1)).any():
        raise MetricError(f"{where}: quality must lie between 0 and 1")
    if isinstance(result.notes, str) or np.shape(result.estimated) not in ((), (len(areas),)):
        raise MetricError(f"{where}: notes is a sequence of Text, estimated one truth or one a row")
    return result


def _without_slivers(result: MetricResult, areas: Areas) -> MetricResult:
    """Give no value where the scope leaves a sliver: a ratio over a few hundred square metres is noise that looks like a finding."""
    little = areas.measured_m2 < np.minimum(LITTLE_GROUND_M2, LITTLE_GROUND_SHARE * shapely.area(areas.whole))
    noted = {**result.row_notes, **{int(row): [_LITTLE_GROUND] for row in np.flatnonzero(little & (areas.measured_m2 > 0))}}
    return replace(result, value=np.where(little, np.nan, result.value), row_notes=noted)


def _band(result: MetricResult, others: Sequence[MetricResult]) -> tuple[Any, Any]:
    """Lowest and highest over the stated ranges and the methods of the scope; ``None`` where there is no range."""
    lows = [part.low if part.low is not None else part.value for part in (result, *others)]
    highs = [part.high if part.high is not None else part.value for part in (result, *others)]
    if not others and result.low is None:
        return None, None
    return np.fmin.reduce([*lows, result.value]), np.fmax.reduce([*highs, result.value])


def _table(
    city: City, areas: Areas, metric: Metric, variant: str, result: MetricResult, *, low: Any = None, high: Any = None,
    estimated: bool = False, notes: Sequence[Text] = (), empty: bool = False, poor: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Columns of one variant; a frame is made of all of them at the end, since each frame costs more than its rows."""
    count = len(areas)
    nan = np.full(count, np.nan)
    untouched = areas.coverage <= 0
    value = np.where(untouched, np.nan, result.value)
    nothing = ~np.isfinite(value)
    guess = np.broadcast_to(np.asarray(result.estimated) | estimated, count)
    status = np.select([nothing, areas.coverage < FULL_COVERAGE, guess], ["no_data", "partial", "estimated"], "ok").astype(object)

    def column(values: Any) -> Any:
        return np.where(untouched, np.nan, nan if values is None else values)

    quality = np.full(count, 0.0) if poor else (np.ones(count) if result.quality is None else result.quality)
    texts = []
    made_up = [Text(city.synthetic, city.synthetic)] if city.synthetic else []
    for row in range(count):
        said: list[Text] = []
        if untouched[row] and not empty:
            said = [NOT_COVERED]
        else:
            if areas.coverage[row] < FULL_COVERAGE and not nothing[row]:
                said.append(Text(f"数据仅覆盖 {areas.coverage[row]:.1%}", f"the data cover {areas.coverage[row]:.1%} of it"))
            if nothing[row] and not (empty or result.absent) and row not in result.row_notes:
                said.append(_NO_GROUND if metric.scope == "built_up_area" and areas.measured_m2[row] == 0 else _NO_BASE)
            if status[row] == "partial" and guess[row]:
                said.append(AND_ESTIMATED)
            said += [*notes, *result.notes, *result.row_notes.get(row, ())]
        texts.append([*made_up, *said])
    return {
        **{key: np.full(count, said, dtype=object) for key, said in (("metric", metric.name), ("variant", variant))},
        "area_id": areas.ids,
        **{key: np.full(count, said, dtype=object) for key, said in (("scope", metric.scope), ("date", city.date))},
        "area_name": areas.names,
        "value": value,
        "low": np.where(nothing, np.nan, column(low)),
        "high": np.where(nothing, np.nan, column(high)),
        "numerator": column(result.numerator),
        "denominator": column(result.denominator),
        "unit": np.full(count, metric.unit, dtype=object),
        "status": status,
        "coverage": np.round(areas.coverage, 6),
        "quality": np.where(nothing, np.nan, quality),
        "note_zh": np.array([joined(said, "zh") for said in texts], dtype=object),
        "note_en": np.array([joined(said, "en") for said in texts], dtype=object),
    }
