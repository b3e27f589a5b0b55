"""What in the plans of a city cannot stand side by side: shown with both values, never decided by us."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from spatial.ledger.declared import LedgerMetric
from spatial.ledger.ladder import TITLES
from spatial.metrics.registry import SCOPES, Metric
from spatial.targets.model import CONTRADICTIONS, STATUS_TITLES, Plan, Target
from spatial.targets.plan_rows import SOURCES, source_of
from spatial.targets.reading import scope_title
from spatial.targets.together import members
from spatial.text import Text
from spatial.units import UNITS

_FLOORS = (">=", ">", "==", "~=", "exists")
_CEILINGS = ("<=", "<")
_NEVER_BOTH = ({">", "<="}, {"<", ">="}, {">", "<"}, {"<", "=="}, {">", "=="})  # of one and the same number
_SIGNS = {">=": "≥ ", "<=": "≤ ", "==": "= ", "~=": "≈ ", ">": "> ", "<": "< ", "exists": ""}
_TRENDS = {"trend_up": Text("上升", "rising"), "trend_down": Text("下降", "falling")}
_STANDINGS = {"draft": Text("草案", "draft"), "in_force": Text("现行", "in force"), "past": Text("期满", "past")}
_LARGE = {
    "CNY": (1e8, Text("亿元", ""), 1e9, Text("", "bn CNY")),
    "persons": (1e4, Text("万人", ""), 1e6, Text("", "million people")),
    "t/d": (1e4, Text("万吨/日", ""), 1e6, Text("", "million t/d")),
    "t": (1e4, Text("万吨", ""), 1e6, Text("", "million t")),
    "m2": (1e4, Text("万平方米", ""), 1e6, Text("", "million m²")),
    "ha": (1e4, Text("万公顷", ""), 1e6, Text("", "million ha")),
}
_KINDS = ("two_values", "other_scope", "increment_as_stock", "superseded", "bound_to_nothing", "awaited_exists")


def contradictions(
    plans: Mapping[str, Plan],
    targets: Iterable[Target],
    registered: Mapping[str, Metric],
    counts: Sequence[str],
    *,
    ledger: Mapping[str, LedgerMetric] | None = None,
) -> pd.DataFrame:
    """Find what contradicts itself in plans.

    Parameters
    ----------
    plans, targets
        Of ``read_plans``.
    registered
        Everything that a target can be bound to, by name.
    counts
        Ids of targets that count, as the city declares.
    ledger
        Declarations of the ledger metrics: what is left of a list, and what must exist, has no increment.

    Returns
    -------
    DataFrame
        Columns ``CONTRADICTIONS``. ``two_values``: two numbers for one thing, area and year, also of a year against a whole plan; a stretch target
        beyond the binding one is none. ``decided`` is the one of both that ``counts`` names, empty where it names neither or both.
    """
    listed = list(targets)
    said = _Said(plans, registered)
    found = [
        *_two_values(listed, said, set(counts)),
        *_other_scopes(listed, said),
        *_increments(listed, said, registered, ledger or {}),
        *_superseded(listed, said),
        *_bindings(listed, said),
    ]
    order = {kind: place for place, kind in enumerate(_KINDS)}
    found.sort(key=lambda row: (order[row[0]], row[1], row[2]))
    table = pd.DataFrame(found, columns=list(CONTRADICTIONS))
    return table.astype({name: "int64" if name == "year" else object for name in CONTRADICTIONS})


def decided(targets: Iterable[Target], found: pd.DataFrame, counts: Sequence[str]) -> list[Target]:
    """Apply the city's declaration: a target that another one overrules becomes superseded by it.

    Parameters
    ----------
    targets
        Of ``read_plans``.
    found
        Of ``contradictions``.
    counts
        Ids of targets that count; where two of them contradict one another, neither is overruled.
    """
    overruled: dict[str, str] = {}
    for row in found[(found["kind"] == "two_values") & (found["decided"] != "")].itertuples():
        loser = row.other_id if row.decided == row.target_id else row.target_id
        if loser not in counts:
            overruled.setdefault(str(loser), str(row.decided))
    return [
        dataclasses.replace(target, standing="superseded", successor=overruled[target.id]) if target.id in overruled else target
        for target in targets
    ]


Row = tuple[str, str, str, str, int, str, str, str]


class _Said:
    """How a target is told: its words, its place in a plan, the thing that it is about."""

    def __init__(self, plans: Mapping[str, Plan], registered: Mapping[str, Metric]) -> None:
        self.plans = plans
        self.registered = registered

    def thing(self, target: Target) -> Text:
        known = self.registered.get(target.measure)
        title = known.title if known else Text(target.measure, target.measure)
        part = _part(target, known.variants if known else {})
        return Text(f"{title.zh}（{part.zh}）", f"{title.en} ({part.en})") if part.zh else title

    def target(self, target: Target) -> Text:
        """Tell value, title, plan, clause, authority and standing of the plan."""
        value, plan = value_text(target), self.plans[target.plan]
        standing = _STANDINGS.get(plan.standing, Text(plan.standing, plan.standing))
        zh = "，".join(part for part in (f"《{plan.title.zh}》{target.clause}", plan.authority.zh, standing.zh) if part)
        en = ", ".join(part for part in (f"{plan.title.en} {target.clause}".strip(), plan.authority.en, standing.en) if part)
        return Text(f"{value.zh} [{target.id}]（{target.title.zh}；{zh}）", f"{value.en} [{target.id}] ({target.title.en}; {en})")

    def row(self, kind: str, target: Target, text: Text, *, other: str = "", decided: str = "") -> Row:
        return kind, target.id, other, target.measure, target.year, text.zh, text.en, decided


def value_text(target: Target) -> Text:
    """Tell what a target asks for, in units that people use: ``≥ 1700 亿元``, ``≥ 170 bn CNY``, ``≥ 50 a year``."""
    if target.operator in _TRENDS:
        return _TRENDS[target.operator]
    sign = _SIGNS[target.operator]
    if target.wanted:
        title = TITLES[target.wanted]
        return Text(f"{sign}{title.zh}", f"{sign}{title.en}")
    if target.operator == "exists" and target.value == 1:
        return Text("应有", "must exist")
    zh, en = _number(target, "zh"), _number(target, "en")
    return Text(f"{sign}{zh}/年", f"{sign}{en} a year") if target.period == "year" else Text(f"{sign}{zh}", f"{sign}{en}")


def _part(target: Target, variants: Mapping[str, Text]) -> Text:
    """Name the narrower thing that a target selects."""
    words = [part.partition(":")[2] for part in target.select.split(";") if ":" in part] or [target.variant] * bool(target.variant)
    titles = [variants.get(word) or Text(word, word) for word in words]
    return Text("、".join(title.zh for title in titles), ", ".join(title.en for title in titles))


def _number(target: Target, lang: str) -> str:
    value, code = target.value, target.unit
    if code in _LARGE:
        small, zh, large, en = _LARGE[code]
        step, label = (small, zh.zh) if lang == "zh" else (large, en.en)
        if abs(value) >= step:
            return f"{value / step:,.6g} {label}".replace(" 万", "万").replace(" 亿", "亿")
    unit = UNITS[code]
    shown = value * unit.factor
    label = unit.label.zh if lang == "zh" else unit.label.en
    gap = "" if label in ("%", "‰", "") or lang == "zh" else " "
    return f"{shown:,.10g}{gap}{label}"


def _two_values(targets: Iterable[Target], said: _Said, counts: set[str]) -> Iterator[Row]:
    groups: dict[tuple[str, ...], list[Target]] = {}
    listed = list(targets)
    called = _areas(listed)
    for target in listed:
        if target.standing or target.wanted or "target" in target.select.split(";"):  # done with, or about a project that is its own
            continue
        key = (target.measure, target.variant, target.select, target.versus, called[target.area], target.scope)
        groups.setdefault(key, []).append(target)
    for group in groups.values():
        pairs = [(one, other, text) for one, other in itertools.combinations(group, 2) if (text := _clash(one, other)) is not None]
        overruled = {target.id for one, other, _ in pairs if counts & {one.id, other.id} for target in (one, other)} - counts
        for one, other, text in pairs:
            winners = counts & {one.id, other.id}
            if not winners and overruled & {one.id, other.id}:  # one of them is out already
                continue
            yield _pair(one, other, text, said, next(iter(winners)) if len(winners) == 1 else "")


def _pair(one: Target, other: Target, why: Text, said: _Said, winner: str) -> Row:
    """Tell two targets side by side, and what decides between them."""
    first, second, thing, year = said.target(one), said.target(other), said.thing(one), min(one.year, other.year)
    remedy = (
        Text(f"本市声明以 {winner} 为准", f"The city declares that {winner} counts")
        if winner
        else Text(
            f'以哪一个为准由本市声明：[targets] counts = ["{one.id}"] 或 ["{other.id}"]',
            f'Which one counts is the city\'s to declare: [targets] counts = ["{one.id}"] or ["{other.id}"]',
        )
    )
    text = Text(
        f"{one.area}：{thing.zh}，{year} 年有两个数：{first.zh}；{second.zh}。{why.zh}{remedy.zh}",
        f"{one.area}: {thing.en}, two values for {year}: {first.en}; {second.en}. {why.en}{remedy.en}",
    )
    return said.row("two_values", one, text, other=other.id, decided=winner)


def _areas(targets: Iterable[Target]) -> dict[str, str]:
    """Take an area with and without its ending (长春, 长春市) for one, unless two endings tell two apart (朝阳市, 朝阳区)."""
    plain = {target.area: target.area.replace(" ", "") for target in targets}
    stems: dict[str, set[str]] = {}
    for name in plain.values():
        stems.setdefault(_stem(name), set()).add(name[len(_stem(name)) :])
    return {area: _stem(name) if len(stems[_stem(name)] - {""}) < 2 else name for area, name in plain.items()}


def _stem(name: str) -> str:
    return name[:-1] if len(name) > 2 and name[-1] in "省市区县" else name


def _clash(one: Target, other: Target) -> Text | None:
    """Tell why two targets of one thing contradict one another; an empty text where their values say it, ``None`` where they do not."""
    if {one.operator, other.operator} == set(_TRENDS):
        return Text("", "") if one.year == other.year else None
    if one.operator in _TRENDS or other.operator in _TRENDS or one.unit != other.unit:
        return None
    if {one.period, other.period} == {"year", "plan"}:
        return _annual_and_total(one, other) if one.period == "year" else _annual_and_total(other, one)
    if _increment(one) != _increment(other):
        return None
    if one.period == other.period == "year":  # so many a year is asked of every year of its span
        if not set(_years(one)) & set(_years(other)) or len({(each.due.month, each.due.day) for each in (one, other) if each.due}) > 1:
            return None
    elif one.year != other.year or one.due != other.due:
        return None
    if one.period == "plan" and _begin(one) != _begin(other):
        return None
    if not _differ(one, other, one.value, other.value):
        return None
    span = [target for target in (one, other) if target.period == "year" and _begin(target) and target.year - (_begin(target) or 0) > 1]
    if not span:
        return Text("", "")
    years = " ".join(f"{target.id}: {(_begin(target) or 0) + 1}–{target.year}" for target in span)
    totals = [_total(target) for target in span]
    return Text(
        f"（{years}，合计 {'，'.join(text.zh for text in totals)}）。",
        f"({years}, {', '.join(text.en for text in totals)} in all). ",
    )


def _annual_and_total(annual: Target, total: Target) -> Text | None:
    """Hold so many a year against a total over the same years."""
    begin, end = _begin(annual), annual.year
    if begin is None or begin != _begin(total) or end != total.year:
        return None
    if not _differ(annual, total, annual.value * (end - begin), total.value):
        return None
    whole = _total(annual)
    return Text(
        f"{annual.id} 每年之数乘 {end - begin} 年，合计 {whole.zh}。",
        f"{annual.id} over {end - begin} years comes to {whole.en}. ",
    )


def _total(annual: Target) -> Text:
    whole = dataclasses.replace(annual, value=annual.value * (annual.year - (_begin(annual) or 0)), period="plan")
    return value_text(whole)


def _differ(one: Target, other: Target, first: float, second: float) -> bool:
    """Tell whether two numbers cannot both be meant; a stretch target beyond the binding one can."""
    floor, ceiling = one.operator in _FLOORS, one.operator in _CEILINGS
    if math.isclose(first, second, rel_tol=1e-9, abs_tol=1e-12):
        return {one.operator, other.operator} in _NEVER_BOTH
    if floor and other.operator in _CEILINGS:
        return first > second
    if ceiling and other.operator in _FLOORS:
        return second > first
    if one.strength != other.strength:
        stretch, binding = (first, second) if one.strength == "stretch" else (second, first)
        beyond = stretch > binding if floor else stretch < binding
        return not beyond
    return True


def _increment(target: Target) -> bool:
    return target.period in ("year", "plan")


def _years(annual: Target) -> range:
    """Return the years that a number a year is asked of."""
    return range((_begin(annual) or annual.year - 1) + 1, annual.year + 1)


def _begin(target: Target) -> int | None:
    """Year before the first one that an increment is counted in; a number a year without a baseline is of its own year alone."""
    if target.baseline_year is not None:
        return target.baseline_year
    return target.year - 1 if target.period == "year" else None


def _other_scopes(targets: Iterable[Target], said: _Said) -> Iterator[Row]:
    for target in targets:
        metric = said.registered.get(target.measure)
        if target.kind != "metric" or metric is None or target.scope in ("whole_territory", metric.scope):
            continue
        told, thing, scope, meant = said.target(target), said.thing(target), SCOPES[metric.scope], scope_title(target.scope)
        yield said.row(
            "other_scope",
            target,
            Text(
                f"{told.zh} 所指范围为{meant.zh}，而{thing.zh}按{scope.zh}计算，两者不可比；请改范围，或绑定别的指标",
                f"{told.en} is about {meant.en}, {thing.en} about {scope.en}: they cannot be compared; correct the scope, or bind it otherwise",
            ),
        )


def _increments(
    targets: Iterable[Target], said: _Said, registered: Mapping[str, Metric], ledger: Mapping[str, LedgerMetric]
) -> Iterator[Row]:
    for target in targets:
        metric = registered.get(target.measure) if target.kind == "metric" else None
        if metric is not None and target.variant in metric.increments:
            continue
        declared = ledger.get(target.measure) if target.kind == "ledger" else None
        from_nothing = target.baseline == 0 and target.operator in _FLOORS and not target.wanted
        told, thing = said.target(target), said.thing(target)
        if target.kind == "metric" and (_increment(target) or from_nothing):
            zh = f"{told.zh} 是新增量，而{thing.zh}测算的是现有总量；请写出基数与总量，或绑定台账指标"
            en = (
                f"{told.en} is an increment, {thing.en} measures all that is there; state baseline and total, or bind it to a ledger metric"
            )
        elif declared and declared.kind in ("remaining", "exists") and _increment(target):
            zh = f"{told.zh} 按 period = {target.period} 计新增，而{thing.zh}说明的是现状（{declared.kind}）；请写 period = stock"
            en = f"{told.en} counts an increment (period {target.period}), {thing.en} tells what is there ({declared.kind}); write period stock"
        elif target.kind == "ledger" and from_nothing and (target.period or (declared.period if declared else "")) == "stock":
            zh = f"{told.zh} 从 0 起算，是新增量，却按存量（period = stock）计；请写 period = year 或 plan"
            en = f"{told.en} begins at 0, so it is an increment, but is counted as a stock; write period year or plan"
        else:
            continue
        yield said.row("increment_as_stock", target, Text(zh, en))


def _superseded(targets: Sequence[Target], said: _Said) -> Iterator[Row]:
    by_id = {target.id: target for target in targets}
    for target in targets:
        if target.standing not in ("superseded", "carried_over"):
            continue
        told, title = said.target(target), STATUS_TITLES[target.standing]
        successor = by_id.get(target.successor)
        if successor is None:
            name = target.successor or "?"
            text = Text(
                f"{told.zh} {title.zh}，而接替它的 {name} 不在本市所用的各规划中；请列入其所在规划，或改正 successor",
                f"{told.en} is {title.en}, but its successor {name} stands in no plan of the city; name its plan, or correct successor",
            )
        else:
            other = said.target(successor)
            lost = (
                Text("；后者也已失效", "; which itself no longer counts")
                if successor.standing in ("withdrawn", "superseded")
                else Text("", "")
            )
            text = Text(
                f"{told.zh} {title.zh}：由 {other.zh} 接替{lost.zh}", f"{told.en} is {title.en}: {other.en} took its place{lost.en}"
            )
        yield said.row(
            "superseded", target, text, other=target.successor, decided=successor.id if successor and not successor.standing else ""
        )


def _bindings(targets: Iterable[Target], said: _Said) -> Iterator[Row]:
    targets = list(targets)
    for target in targets:
        metric = said.registered.get(target.measure)
        told = said.target(target)
        if target.kind == "awaited":
            if metric is None:
                continue
            kind = next(word for word, source in SOURCES.items() if source == source_of(metric))
            text = Text(
                f"{told.zh} 仍写 awaited，而 {target.measure} 已可测算；请写 kind = {kind}",
                f"{told.en} is awaited, but {target.measure} can be measured by now; write kind {kind}",
            )
            yield said.row("awaited_exists", target, text)
            continue
        if target.kind == "targets":
            there = {other.id for other in targets if other.plan == target.plan and other.kind != "targets"}
            if lost := [name for name in members(target) if name not in there]:
                names = ", ".join(lost)
                text = Text(
                    f"{told.zh} 由 {names} 合成，而同一规划中没有该目标", f"{told.en} is made of {names}, which the plan does not have"
                )
                yield said.row("bound_to_nothing", target, text)
            continue
        series = [part.removeprefix("series:") for part in target.select.split(";") if part.startswith("series:")]
        part = series[0] if series else target.variant
        if metric is not None and source_of(metric) == SOURCES[target.kind] and (not part or part in metric.variants):
            continue
        missing = target.measure if metric is None or source_of(metric) != SOURCES[target.kind] else f"{target.measure} / {part}"
        text = Text(
            f"{told.zh} 所绑定的 {missing}（{target.kind}）不存在，无法评判",
            f"{told.en} is bound to {missing} ({target.kind}), which does not exist: it cannot be judged",
        )
        yield said.row("bound_to_nothing", target, text)
