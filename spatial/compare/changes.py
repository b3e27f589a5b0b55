"""What changed from one run to another, figure by figure, and where two figures cannot be held against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from spatial.areas import RESERVED
from spatial.compare.runs import Run, same_cells, same_extent
from spatial.crs import reproject
from spatial.errors import OptionError, sample, shown
from spatial.measurement import AND_ESTIMATED
from spatial.metrics import registered
from spatial.metrics.registry import Metric
from spatial.text import Text, joined

KEY = ["metric", "variant", "area_id"]
CHANGE_COLUMNS = (
    "metric", "variant", "area_id", "area_name", "scope", "unit", "before", "after", "change", "change_share", "status_before", "status_after",
    "comparable", "reasons", "note_zh", "note_en",
)  # fmt: skip
COMPARABLE = ("yes", "with_care", "no")
COMPARABLE_TITLES = {
    "yes": Text("可比", "comparable"),
    "with_care": Text("慎比", "with care"),
    "no": Text("不可比", "not comparable"),
}
OUTLINE_SHARE = 0.01  # of the area of an outline, or of the built-up ground: beyond it the ground is another; to be confirmed
COVERAGE_SHARE = 0.001

# Whatever is found of a figure: those that forbid a change first, in the order in which they are said.
FORBID = {
    "only_after": Text("早期没有测算", "not measured before"),
    "only_before": Text("后期没有测算", "not measured after"),
    "unit": Text("单位不同", "in another unit"),
    "scope": Text("统计范围不同", "in another scope"),
    "definition": Text("指标定义已变", "the metric is defined otherwise now"),
    "neither": Text("两期均无数据", "neither has data"),
    "no_data": Text("一期无数据，不是降为零", "one of the two has no data, which is no fall to zero"),
    "outline": Text("统计单元的边界已变", "the outline of the area is another"),
    "partial": Text("两期数据覆盖的范围不同", "the data cover other parts of it"),
    "estimated": Text("一期为估算、一期为实测，其差不是变化", "one is an estimate and one a measurement: their difference is no change"),
}
CARE = {
    "same_part": Text("两期均只覆盖同一部分", "both cover the same part of it alone"),
    "estimates": Text("两期均为估算", "both are estimates"),
    "ranges": Text("变化未超出两期各自的误差范围", "the change lies within the ranges of the two"),
    "built_up": Text("建成区范围已变，分母不同", "the built-up area is another, and with it what is divided by"),
    "mapping": Text("取自 OpenStreetMap，变化可能来自补绘", "counted from OpenStreetMap, so that it may be mapping that changed"),
    "version": Text("由不同版本的软件测算", "measured by other versions of the software"),
}


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs against each other.

    Attributes
    ----------
    before, after
        The runs.
    table
        One row a metric, variant and area, sorted: ``CHANGE_COLUMNS``; ``change`` is after less before, in ``unit``, and absent where the two are
        not comparable; ``change_share`` is its share of ``before``.
    notices
        What a reader must know of the whole.
    """

    before: Run
    after: Run
    table: pd.DataFrame
    notices: tuple[Text, ...]

    def largest(self, *, city: bool, count: int) -> pd.DataFrame:
        """Return the rows of the largest changes, of the city or of its areas: by the change as a share of the larger figure.

        Of every metric that is known here only the default variant is looked at: five ways of counting one thing are no five changes.
        """
        own = self.after.project()
        defaults = {name: next(iter(metric.variants)) for name, metric in registered(own.parent if own else None).items()}
        first = [
            defaults.get(metric, variant) == variant for metric, variant in zip(self.table["metric"], self.table["variant"], strict=True)
        ]
        rows = self.table[np.array(first, dtype=bool) & ~self.table["area_id"].eq("outside_areas").to_numpy()]
        rows = rows[rows["area_id"].eq("city") == city]
        rows = rows[rows["change"].notna() & (rows["change"] != 0)]
        size = (rows["change"].abs() / rows[["before", "after"]].abs().max(axis=1)).round(6)
        order = rows.assign(_size=-size).sort_values(["_size", *KEY], kind="stable").index
        return rows.loc[order[:count]]


def compare_runs(before: Run, after: Run) -> Comparison:
    """Hold one run against another.

    Parameters
    ----------
    before, after
        Of one city by the same areas.

    Returns
    -------
    Comparison
        Every figure that one of the two has. An estimate against a measurement, a figure against none, another unit, scope, definition or outline:
        not comparable, and without a change.

    Raises
    ------
    OptionError
        The two are of different cities, or have no area in common.
    """
    _check_same_city(before, after)
    own = after.project()
    metrics = registered(own.parent if own else None)
    sides = [run.table.drop_duplicates(KEY) for run in (before, after)]
    rows = sides[0].merge(sides[1], how="outer", on=KEY, suffixes=("_before", "_after")).sort_values(KEY, kind="stable", ignore_index=True)
    found = _found(rows, before, after, metrics)
    no = np.logical_or.reduce([found[key] for key in FORBID])
    care = np.logical_or.reduce([found[key] for key in CARE]) & ~no
    first, second = rows["value_before"].to_numpy(float), rows["value_after"].to_numpy(float)
    change = np.where(no, np.nan, second - first)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(first != 0, change / np.abs(first), np.nan)

    alone = found["only_before"] | found["only_after"]

    def either(column: str) -> Any:
        return rows[f"{column}_after"].where(rows[f"{column}_after"].notna(), rows[f"{column}_before"]).astype(str)

    said = [[key for key in (FORBID if no[i] else CARE) if found[key][i] and not (key == "no_data" and alone[i])] for i in range(len(rows))]
    texts = FORBID | CARE
    table = pd.DataFrame({
        "metric": rows["metric"], "variant": rows["variant"], "area_id": rows["area_id"], "area_name": either("area_name"), "scope": either("scope"),
        "unit": either("unit"), "before": first, "after": second, "change": change, "change_share": share,
        "status_before": rows["status_before"].fillna("no_data"), "status_after": rows["status_after"].fillna("no_data"),
        "comparable": np.select([no, care], ["no", "with_care"], "yes").astype(object),
        "reasons": [";".join(keys) for keys in said],
        "note_zh": [joined([texts[key] for key in keys], "zh") for keys in said],
        "note_en": [joined([texts[key] for key in keys], "en") for keys in said],
    })  # fmt: skip
    return Comparison(before, after, table.loc[:, list(CHANGE_COLUMNS)], tuple(_notices(before, after, table)))


def _check_same_city(before: Run, after: Run) -> None:
    if before.city != after.city:
        raise OptionError(
            f"{after.folder}: is a run of {shown(after.city)}, and {before.folder} of {shown(before.city)}; compare runs of one city"
        )
    if not same_cells(before.said, after.said):
        raise OptionError(
            f"{after.folder}: its cells are not those of {before.folder} ({shown(after.by)} against {shown(before.by)}, or another extent or CRS);"
            " measure both by the same areas, districts for instance"
        )
    here, there = (set(run.table["area_id"]) - set(RESERVED) for run in (after, before))
    if here and there and not here & there:
        raise OptionError(
            f"{after.folder}: has no area in common with {before.folder} (there {sample(sorted(there))}; here {sample(sorted(here))});"
            " compare runs by the same areas"
        )


def _found(rows: pd.DataFrame, before: Run, after: Run, metrics: Mapping[str, Metric]) -> dict[str, npt.NDArray[np.bool_]]:
    """Find what stands between the two figures of each row, by key of ``FORBID`` and ``CARE``."""
    status = [rows[f"status_{side}"].to_numpy(dtype=object) for side in ("before", "after")]
    value = [rows[f"value_{side}"].to_numpy(float) for side in ("before", "after")]
    missing = [pd.isna(each) for each in status]
    there = ~missing[0] & ~missing[1]
    guess = [_is_estimate(rows, side) for side in ("before", "after")]
    part = [each == "partial" for each in status]
    cover = [rows[f"coverage_{side}"].to_numpy(float) for side in ("before", "after")]
    same_part = part[0] & part[1] & (np.abs(cover[0] - cover[1]) <= COVERAGE_SHARE) & same_extent(before.said, after.said)
    moved = _moved_areas(before, after)
    osm = _osm_changed(before, after)
    known = [run.said.get("definitions") for run in (before, after)]
    both = known[0] if isinstance(known[0], dict) else {}, known[1] if isinstance(known[1], dict) else {}
    names = rows["metric"].to_numpy(dtype=object)
    other = {name for name in set(names) if name in both[0] and name in both[1] and both[0][name] != both[1][name]}
    untold = {name for name in set(names) if name not in both[0] or name not in both[1]}
    versions = [run.said["versions"].get("spatial") if isinstance(run.said.get("versions"), dict) else None for run in (before, after)]
    fed = {
        (name, variant): osm and _from_osm(metrics.get(str(name)), str(variant), after)
        for name, variant in set(zip(names, rows["variant"], strict=True))
    }
    return {
        "only_after": missing[0],
        "only_before": missing[1],
        "unit": there & (rows["unit_before"] != rows["unit_after"]).to_numpy(),
        "scope": there & (rows["scope_before"] != rows["scope_after"]).to_numpy(),
        "definition": np.isin(names, sorted(other)),
        "neither": there & ~np.isfinite(value[0]) & ~np.isfinite(value[1]),
        "no_data": np.isfinite(value[0]) != np.isfinite(value[1]),
        "outline": rows["area_id"].isin(moved).to_numpy(),
        "partial": there & (part[0] | part[1]) & ~same_part,
        "estimated": there & (guess[0] != guess[1]),
        "same_part": same_part,
        "estimates": guess[0] & guess[1],
        "ranges": _within_ranges(rows, value),
        "built_up": _other_built_up(rows, metrics),
        "mapping": np.array([bool(fed[key]) for key in zip(names, rows["variant"], strict=True)], dtype=bool),
        "version": np.isin(names, sorted(untold)) & (versions[0] != versions[1]),
    }


def _is_estimate(rows: pd.DataFrame, side: str) -> npt.NDArray[np.bool_]:
    """Of a figure that is partial only its note tells whether it is estimated as well."""
    status, note = rows[f"status_{side}"], rows[f"note_{side}"].fillna("").astype(str)
    said = np.logical_or.reduce([note.str.contains(text, regex=False).to_numpy(dtype=bool) for text in AND_ESTIMATED])
    return np.asarray((status == "estimated").to_numpy(dtype=bool) | ((status == "partial").to_numpy(dtype=bool) & said))


def _within_ranges(rows: pd.DataFrame, value: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.bool_]:
    """Whether the stated ranges of both figures meet."""
    low, high = ([rows[f"{key}_{side}"].to_numpy(float) for side in ("before", "after")] for key in ("low", "high"))
    ranged = np.isfinite(low[0]) & np.isfinite(high[0]) & np.isfinite(low[1]) & np.isfinite(high[1])
    with np.errstate(invalid="ignore"):
        meet = (low[0] <= high[1]) & (low[1] <= high[0]) & (value[0] != value[1])
    return np.asarray(ranged & meet)


def _other_built_up(rows: pd.DataFrame, metrics: Mapping[str, Metric]) -> npt.NDArray[np.bool_]:
    """Whether a ratio over the built-up ground is one over other ground."""
    over_ground = [
        (name := str(metric)) in metrics
        and metrics[name].scope == "built_up_area"
        and metrics[name].bases.get(str(variant), ("", ""))[1] == "m2"
        for metric, variant in zip(rows["metric"], rows["variant"], strict=True)
    ]
    ground = [rows[f"denominator_{side}"].to_numpy(float) for side in ("before", "after")]
    with np.errstate(invalid="ignore"):
        differs = np.abs(ground[1] - ground[0]) > OUTLINE_SHARE * np.fmax(ground[0], ground[1])
    return np.asarray(np.array(over_ground, dtype=bool) & differs)


def _moved_areas(before: Run, after: Run) -> set[str]:
    """Return the areas whose outlines differ by more than a hundredth of their ground."""
    frames = [run.areas() for run in (before, after)]
    if frames[0] is None or frames[1] is None:
        return set()
    one, other = (frame.drop_duplicates("area_id").set_index("area_id") for frame in frames if frame is not None)
    ids = one.index.intersection(other.index)
    first = np.asarray(one.loc[ids].geometry.to_numpy(), dtype=object)
    second = reproject(np.asarray(other.loc[ids].geometry.to_numpy(), dtype=object), pyproj.CRS(other.crs), pyproj.CRS(one.crs))
    differ = shapely.area(shapely.symmetric_difference(shapely.make_valid(first), shapely.make_valid(second)))
    return {str(each) for each in ids[differ > OUTLINE_SHARE * np.fmax(shapely.area(first), shapely.area(second))]}


def _osm_changed(before: Run, after: Run) -> bool:
    digests = [{entry.get("sha256") for entry in _inputs(run) if entry.get("layer") == "osm"} for run in (before, after)]
    return digests[0] != digests[1]


def _inputs(run: Run) -> list[dict[str, Any]]:
    found = run.said.get("inputs")
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _from_osm(metric: Metric | None, variant: str, run: Run) -> bool:
    """Whether a metric takes a layer that the extract feeds."""
    layers = run.said.get("layers")
    if metric is None or metric.source != "layers" or not isinstance(layers, dict) or variant not in metric.variants:
        return False
    needs = metric.needs_of(variant)
    origins = [layers[name].get("origin", "") for name in needs if isinstance(layers.get(name), dict)]
    return any(str(origin).startswith("osm") for origin in origins) or not needs


def _notices(before: Run, after: Run, table: pd.DataFrame) -> list[Text]:
    counts = {key: int((table["comparable"] == key).sum()) for key in COMPARABLE}
    notices = [
        Text(
            f"{len(table)} 个数值：可比 {counts['yes']}，慎比 {counts['with_care']}，不可比 {counts['no']}",
            f"{len(table)} figures: {counts['yes']} comparable, {counts['with_care']} with care, {counts['no']} not comparable",
        )
    ]
    for key, title in COMPARABLE_TITLES.items():
        rows = table.loc[table["comparable"] == key, "reasons"]
        counted = {
            text: int(rows.str.split(";").map(lambda keys, reason=reason: reason in keys).sum()) for reason, text in (FORBID | CARE).items()
        }
        if told := [(text, count) for text, count in sorted(counted.items(), key=lambda each: -each[1]) if count]:
            notices.append(
                Text(
                    f"{title.zh}：" + "；".join(f"{text.zh} {count}" for text, count in told),
                    f"{title.en}: " + "; ".join(f"{text.en}: {count}" for text, count in told),
                )
            )
    if before.date and after.date and before.date > after.date:
        notices.append(
            Text(f"前一期的数据（{before.date}）晚于后一期（{after.date}）", f"the data of the first run ({before.date}) are newer than those of the second ({after.date})")
        )  # fmt: skip
    if before.folder == after.folder:
        notices.append(Text("两次是同一次测算", "both are the same run"))
    changed = _changed_inputs(before, after)
    if changed:
        names = sample(changed, 12)
        notices.append(Text(f"输入不同：{names}", f"inputs that differ: {names}"))
    if before.said.get("data_extent") and after.said.get("data_extent") and not same_extent(before.said, after.said):
        notices.append(Text("两期数据的范围不同", "the data of the two cover other ground"))
    here, there = (set(run.table["area_id"]) - set(RESERVED) for run in (after, before))
    if here ^ there:
        notices.append(
            Text(
                f"只在一期出现的统计单元：{sample(sorted(here ^ there))}",
                f"areas that only one of the two has: {sample(sorted(here ^ there))}",
            )
        )
    for run in (before, after):
        if run.said.get("synthetic"):
            notices.append(
                Text(f"{run.name}：数据为虚构（{run.said['synthetic']}）", f"{run.name}: made-up data ({run.said['synthetic']})")
            )
    return notices


def _changed_inputs(before: Run, after: Run) -> list[str]:
    sides = [{str(entry.get("layer")): (str(entry.get("file")), entry.get("sha256")) for entry in _inputs(run)} for run in (before, after)]
    out = []
    for layer in sorted(set(sides[0]) | set(sides[1])):
        one, other = (side.get(layer, ("—", None)) for side in sides)
        if one[1] != other[1]:
            out.append(f"{layer} ({one[0]} → {other[0]})" if one[0] != other[0] else layer)
    return out
