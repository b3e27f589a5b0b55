"""The metrics that ``facilities.toml`` declares: the 15-minute circle by its sets, and coverage metrics of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from spatial.areas import Areas
from spatial.city import City
from spatial.errors import ProjectError
from spatial.metrics.coverage import (
    ALL,
    MOST_UNREACHED,
    NOBODY,
    beyond_frame,
    cells_frame,
    counted,
    covered,
    lost_rows,
    reached_by,
    sites_frame,
)
from spatial.metrics.facility_classes import Group, declared_facilities
from spatial.metrics.origins import people_origins, shares_of
from spatial.metrics.people import population_basis
from spatial.metrics.registry import Metric, declare, family
from spatial.metrics.walking import SNAP_LIMIT_M, attached_origins
from spatial.result import Evidence, MetricResult, ratio
from spatial.text import Text

BASES = {
    "residents": (Text("居民", "residents"), "persons", ("population",)),
    "residential_land": (Text("居住用地", "residential land"), "m2", ("landuse",)),
    "communities": (Text("社区", "communities"), "count", ("communities", "population")),
}
REACHES = {
    "network": Text("步行路网距离", "on foot along the network"),
    "straight_line": Text("直线距离", "straight line"),
    "walking_time": Text("步行时间", "walking time"),
    "winter": Text("冬季步行时间", "walking time in winter"),
}
FIFTEEN = "service_15min_coverage"
# Beyond the largest limit: the connectors at both ends, and half of a cell and of a way that leaves the ground.
MARGIN_M = 2 * SNAP_LIMIT_M + 600.0


@family
def coverage_metrics(own: Path | None) -> Iterator[Metric]:
    """Make the metrics that ``facilities.toml`` declares.

    Parameters
    ----------
    own
        The project's folder, whose own file adds classes, sets and metrics.

    Yields
    ------
    Metric
        ``service_15min_coverage`` over all sets, its classes one by one, and one metric for each that is declared.
    """
    declared = declared_facilities(own)
    farthest = max(limit.distance_m for group in (*declared.sets.values(), *declared.metrics.values()) for limit in group.limits.values())
    halo_m = farthest + MARGIN_M
    titles = {name: kind.title for name, kind in declared.classes.items()}
    if declared.sets:
        yield _fifteen(declared.sets, titles, halo_m)
        yield _classes_reached(declared.sets, halo_m)
        yield _by_class(declared.sets, titles, halo_m)
    for group in declared.metrics.values():
        yield _own_metric(group, titles, halo_m)


def _add(parts: dict[str, Any], key: str, value: Any, where: str) -> None:
    """Keep a variant; two that bear one name would hide one another."""
    if key in parts:
        raise ProjectError(f'facilities.toml: {where}: two variants are called "{key}"; rename the set or the class')
    parts[key] = value


def _definition(what: Text) -> Text:
    return Text(
        f"{what.zh}的居民（或居住用地、社区）÷ 全部。步行路网距离从住处沿步行路量到最近设施的出入口，含两端到路的连线；步行时间的限时为限距按每 15 分钟"
        f" 1000 米折算，含坡度、台阶，冬季另计冰雪；距步行路超过 {SNAP_LIMIT_M:.0f} 米的为不可达：计为未覆盖，在上限中计为覆盖",
        f"Residents (or residential land, communities) {what.en} ÷ all. On foot: from the home along walkable ways to the nearest way into a facility,"
        " connectors at both ends included. Walking time: the limit is what the distance takes at 1,000 m in 15 minutes, with slope and steps, in winter"
        f" with snow and ice. Whoever lives more than {SNAP_LIMIT_M:.0f} m from a walkable way is unreachable: not reached, and reached in the upper bound",
    )


def _how(reach: str, official: str) -> Text:
    """Name a reach, the official one as such."""
    title = REACHES[reach]
    return Text(f"{title.zh}（官方口径）", f"{title.en} (official)") if reach == official else title


def _limits(group: Group, titles: Mapping[str, Text]) -> Text:
    """List the classes with their limits, each figure that nobody has verified marked."""
    zh, en = [], []
    for kind, limit in group.limits.items():
        open_question = limit.status != "verified"
        zh.append(f"{titles[kind].zh} {limit.distance_m:g} 米{'（待核）' if open_question else ''}")
        en.append(f"{titles[kind].en} {limit.distance_m:g} m{' (to be confirmed)' if open_question else ''}")
    return Text("、".join(zh), ", ".join(en))


def _fifteen(sets: Mapping[str, Group], titles: Mapping[str, Text], halo_m: float) -> Metric:
    parts: dict[str, tuple[Group, str, str]] = {}
    for name, group in sets.items():
        for reach, basis in (
            ("network", "residents"), ("network", "residential_land"), ("network", "communities"),
            ("straight_line", "residents"), ("walking_time", "residents"), ("winter", "residents"),
        ):  # fmt: skip
            _add(parts, f"{name}_{reach}_{basis}", (group, reach, basis), f"sets.{name}")

    def compute(city: City, areas: Areas, *, variant: str) -> MetricResult:
        """Share that reaches every class of a set.

        Parameters
        ----------
        city
            With ``facilities``, and what the variant asks for.
        areas
            Rows, restricted to the built-up area.
        variant
            Set, reach and basis.

        Returns
        -------
        MetricResult
            ``value`` 0–1 over the classes of the set that are mapped, named in the notes; NaN where none is.
            ``evidence["cells_…"]``: places with residents, the classes each reaches, and the distance to each class.
        """
        group, reach, basis = parts[variant]
        frames = {f"cells_{group.name}": partial(cells_frame, city, areas, group)} if (reach, basis) == ("network", "residents") else {}
        return covered(city, areas, group, group.together, reach, basis, frames)

    return declare(
        FIFTEEN,
        compute,
        title=Text("15 分钟生活圈覆盖率", "15-minute service coverage"),
        definition=_definition(Text("能在各自限距内到达该套标准每一类设施", "who reach every class of a set within its limit")),
        standard=Text(
            "；".join(f"{group.standard.zh}：{_limits(group, titles).zh}" for group in sets.values()),
            "; ".join(f"{group.standard.en}: {_limits(group, titles).en}" for group in sets.values()),
        ),
        unit="1",
        needs=("facilities",),
        scope="built_up_area",
        variants={
            key: Text(
                f"{group.title.zh}，{BASES[basis][0].zh}，{_how(reach, 'network').zh}",
                f"{group.title.en}, {BASES[basis][0].en}, {_how(reach, 'network').en}",
            )
            for key, (group, reach, basis) in parts.items()
        },
        halo_m=halo_m,
        bases={key: (BASES[basis][1],) * 2 for key, (_, _, basis) in parts.items()},
        variant_needs={key: _needs(reach, basis) for key, (_, reach, basis) in parts.items()},
        evidence={
            f"cells_{name}": Evidence(
                Text(f"可达设施类别数（{group.title.zh}）", f"classes reached on foot ({group.title.en})"), "#7b6fb0", by="reached"
            )
            for name, group in sets.items()
        },
    )


def _classes_reached(sets: Mapping[str, Group], halo_m: float) -> Metric:
    def compute(city: City, areas: Areas, *, variant: str) -> MetricResult:
        """Mean number of classes that a resident reaches on foot.

        Parameters
        ----------
        city
            With ``facilities``, ``roads`` and ``population``.
        areas
            Rows, restricted to the built-up area.
        variant
            A set.

        Returns
        -------
        MetricResult
            ``value`` from 0 to the number of classes that are mapped, which the notes give; ``numerator`` classes × residents.
        """
        group = sets[variant]
        classes = counted(city, group.together, "network")
        origins = people_origins(city)
        if not classes.used or not len(origins):
            return MetricResult.without(len(areas), classes.notes[0] if not classes.used else NOBODY)
        guessed, share_known, more = population_basis(city)
        here = shares_of(city, "people", origins, areas)
        near = np.sum([reached_by(city, group, [kind], "network", "people", origins) for kind in classes.used], axis=0)
        away = attached_origins(city, "people", origins).edge < 0
        everyone, served, lost = here.total(), here.total(near.astype(float)), here.total(away.astype(float))
        gone, row_notes = lost_rows(lost, everyone, "residents")
        most = len(classes.used)
        return MetricResult(
            np.where(gone >= ALL, np.nan, ratio(served, everyone)),
            served,
            everyone,
            low=ratio(served, everyone) if lost.any() else None,
            high=ratio(served + most * lost, everyone) if lost.any() else None,
            quality=np.clip(classes.quality * (1.0 if share_known is None else share_known) * (1 - gone), 0, 1),
            estimated=(gone > MOST_UNREACHED) | guessed | classes.estimated,
            notes=(Text(f"满分 {most} 类", f"of {most} classes"), *classes.notes, *more),
            row_notes=row_notes,
        )

    return declare(
        "service_15min_classes_reached",
        compute,
        title=Text("15 分钟生活圈可达类别数", "Classes within a 15-minute walk"),
        definition=Text(
            "居民平均能在各自限距内步行到达的设施类别数（只计已测绘的类别）",
            "Number of classes that a resident reaches on foot within their limits, on average (of the classes that are mapped)",
        ),
        standard=Text("参考指标，无统一限值", "for reference; no common threshold"),
        unit="classes",
        needs=("facilities", "roads", "population"),
        scope="built_up_area",
        variants={name: group.title for name, group in sets.items()},
        halo_m=halo_m,
        bases=dict.fromkeys(sets, ("classes", "persons")),
    )


def _by_class(sets: Mapping[str, Group], titles: Mapping[str, Text], halo_m: float) -> Metric:
    parts: dict[str, tuple[Group, str, str]] = {}
    for name, group in sets.items():
        for kind in group.limits:
            for basis in BASES:
                _add(parts, f"{name}_{kind}_{basis}", (group, kind, basis), f"sets.{name}.classes.{kind}")

    def compute(city: City, areas: Areas, *, variant: str) -> MetricResult:
        """Share that reaches one class within the limit of a set.

        Parameters
        ----------
        city
            With ``facilities``, ``roads``, and what the variant asks for.
        areas
            Rows, restricted to the built-up area.
        variant
            Set, class and basis.

        Returns
        -------
        MetricResult
            ``value`` 0–1; ``estimated`` with quality 0 where the class is hardly mapped, NaN where it is not mapped at all.
        """
        group, kind, basis = parts[variant]
        return covered(city, areas, group, (kind,), "network", basis, {})

    return declare(
        "service_15min_by_class",
        compute,
        title=Text("15 分钟生活圈分项覆盖率", "15-minute service coverage by class"),
        definition=_definition(Text("能在限距内到达某一类设施", "who reach one class within its limit")),
        standard=Text("各套标准及其限距见变体名称", "the sets and their limits are named in the variants"),
        unit="1",
        needs=("facilities", "roads"),
        scope="built_up_area",
        variants={
            key: Text(
                f"{group.title.zh}，{titles[kind].zh} {group.limits[kind].distance_m:g} 米，{BASES[basis][0].zh}",
                f"{group.title.en}, {titles[kind].en} {group.limits[kind].distance_m:g} m, {BASES[basis][0].en}",
            )
            for key, (group, kind, basis) in parts.items()
        },
        halo_m=halo_m,
        bases={key: (BASES[basis][1],) * 2 for key, (_, _, basis) in parts.items()},
        variant_needs={key: BASES[basis][2] for key, (_, _, basis) in parts.items()},
        tables_only=True,
    )


def _own_metric(group: Group, titles: Mapping[str, Text], halo_m: float) -> Metric:
    parts: dict[str, tuple[tuple[str, ...], str, str]] = {}
    other = "straight_line" if group.official == "network" else "network"
    several = len(group.limits) > 1
    for reach, basis in (
        (group.official, "residents"), (group.official, "residential_land"), (group.official, "communities"),
        (other, "residents"), ("walking_time", "residents"), ("winter", "residents"),
    ):  # fmt: skip
        if len(group.together) == len(group.limits) or len(group.together) > 1:
            parts[f"{reach}_{basis}"] = group.together, reach, basis
        if several:
            for kind in group.limits:
                _add(parts, f"{kind}_{reach}_{basis}", ((kind,), reach, basis), f"metrics.{group.name}.classes.{kind}")
    within = {name: f"{limit.distance_m:g}" for name, limit in group.limits.items()}

    def said(kinds: Sequence[str]) -> Text:
        return Text(
            "且".join(f"{titles[kind].zh} {within[kind]} 米" for kind in kinds),
            " and ".join(f"{titles[kind].en} {within[kind]} m" for kind in kinds),
        )

    def compute(city: City, areas: Areas, *, variant: str) -> MetricResult:
        """Share within reach of the classes of a declared metric.

        Parameters
        ----------
        city
            With the layer that the declaration names, and what the variant asks for.
        areas
            Rows, restricted to the built-up area.
        variant
            Class where there are several, reach and basis.

        Returns
        -------
        MetricResult
            ``value`` 0–1 over the classes that are mapped; NaN where none is. ``evidence["beyond"]``: places with residents that do not reach
            all of them; ``evidence["sites"]``: the facilities that were counted.
        """
        kinds, reach, basis = parts[variant]
        first = variant == next(iter(parts))
        frames = {"sites": partial(sites_frame, city, group)} if first else {}
        if first and counted(city, kinds, reach).quality > 0:  # what is hardly mapped accuses nobody
            frames["beyond"] = partial(beyond_frame, city, areas, group, kinds, reach)
        return covered(city, areas, group, kinds, reach, basis, frames)

    return declare(
        group.name,
        compute,
        title=group.title,
        definition=_definition(Text("能在限距内到达所列每一类设施", "who reach each of the classes within its limit")),
        standard=Text(f"{group.standard.zh}。{_limits(group, titles).zh}", f"{group.standard.en}. {_limits(group, titles).en}"),
        unit="1",
        needs=(group.layer,),
        scope="built_up_area",
        variants={
            key: Text(
                f"{said(kinds).zh}，{BASES[basis][0].zh}，{_how(reach, group.official).zh}",
                f"{said(kinds).en}, {BASES[basis][0].en}, {_how(reach, group.official).en}",
            )
            for key, (kinds, reach, basis) in parts.items()
        },
        halo_m=halo_m,
        bases={key: (BASES[basis][1],) * 2 for key, (_, _, basis) in parts.items()},
        variant_needs={key: _needs(reach, basis) for key, (_, reach, basis) in parts.items()},
        evidence={
            "beyond": Evidence(Text(f"未覆盖的居民（{group.title.zh}）", f"residents not reached ({group.title.en})"), "#c0563b"),
            "sites": Evidence(Text(f"计入的设施（{group.title.zh}）", f"facilities counted ({group.title.en})"), "#2f6f8f"),
        },
    )


def _needs(reach: str, basis: str) -> tuple[str, ...]:
    return (*(() if reach == "straight_line" else ("roads",)), *BASES[basis][2])
