"""Targets that others of their plan make together: reached when each of them is, or nearly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from spatial.targets.model import STATUS_TITLES, Target
from spatial.targets.operators import TRENDS, side
from spatial.targets.reading import chosen
from spatial.targets.verdict import Verdict
from spatial.text import Text

BASICALLY = 0.95
"""Share of each number from which a system is basically complete (基本建成); to be confirmed."""
_WORST_FIRST = ("not_met", "behind", "on_track", "met_late", "met")


def members(target: Target) -> tuple[str, ...]:
    """Return the ids of the targets that one is made of: ``both:ID`` of its ``select``."""
    return chosen(target, "both")


def together(target: Target, parts: Mapping[str, tuple[Target, Mapping[str, Any]]], *, over: bool) -> tuple[Verdict, list[Text]]:
    """Judge a target by those that it is made of.

    Parameters
    ----------
    target
        Of kind ``targets``.
    parts
        Targets of the same plan by id, each with the row that it was judged to be.
    over
        Whether the deadline has passed.

    Returns
    -------
    tuple
        The verdict and what to say. ``value`` 1 where each part has come to ``BASICALLY`` of its number, else 0; ``progress`` and ``expected`` those
        of the part that has come least far. ``no_data`` where one of them has no value that it could be held against. While there is time the status
        is that of the part that stands worst, ``no_data`` where none has a line to be held against; afterwards ``not_met`` unless all are that far.
    """
    found = [parts[name] for name in members(target) if name in parts]
    if lost := [name for name in members(target) if name not in parts]:
        names = ", ".join(lost)
        return Verdict("no_data", math.nan), [Text(f"同一规划中没有目标 {names}", f"the plan has no target {names}")]
    done = [_done(part, row, over=over) for part, row in found]
    notes = [_said(part, row, share) for (part, row), share in zip(found, done, strict=True)]
    if not all(math.isfinite(share) for share in done):
        return Verdict("no_data", math.nan), notes
    least = min(range(len(found)), key=lambda i: done[i])
    complete = done[least] >= BASICALLY - 1e-9
    least_far = min(found, key=lambda each: _number(each[1]["progress"], math.inf))[1]
    statuses = [str(row["status"]) for _, row in found]
    worst = min(statuses, key=lambda status: _WORST_FIRST.index(status) if status in _WORST_FIRST else len(_WORST_FIRST))
    if complete:
        status = "met_late" if over and "met_late" in statuses else "met"
    else:
        status = "not_met" if over else worst if worst in ("behind", "on_track") else "no_data"
    notes.append(
        Text(
            f"各项均达到 {BASICALLY:.0%} 即为基本建成（待核）；最低一项 {done[least]:.0%}",
            f"basically complete when each has come to {BASICALLY:.0%} (to be confirmed); the least has come to {done[least]:.0%}",
        )
    )
    reached = max((str(row["reached"]) for _, row in found), default="") if complete and all(row["reached"] for _, row in found) else ""
    value = float(complete)
    return Verdict(
        status, value, _number(least_far["progress"]), _number(least_far["expected"]), 0.0 if complete else 1.0, reached=reached, notes=()
    ), notes  # fmt: skip


def _done(part: Target, row: Mapping[str, Any], *, over: bool) -> float:
    """Return the share of a part's own number that is there; NaN where nothing tells, where it is a trend, or where the data end too early."""
    value = _number(row["value"])
    known = row["value_status"] in ("ok", "estimated") and row["status"] not in ("not_comparable", "not_measurable")
    if part.operator in TRENDS or not known or (over and row["status"] == "no_data") or not part.value > 0 or not math.isfinite(value):
        return math.nan
    return value / part.value if side(part) == "up" else (part.value / value if value > 0 else 1.0)


def _said(part: Target, row: Mapping[str, Any], share: float) -> Text:
    title = STATUS_TITLES[str(row["status"])]
    if math.isfinite(share):
        return Text(f"{part.title.zh}：完成目标值的 {share:.0%}", f"{part.title.en}: {share:.0%} of its number")
    return Text(f"{part.title.zh}：{title.zh}", f"{part.title.en}: {title.en}")


def _number(value: Any, missing: float = math.nan) -> float:
    found = float(value) if value is not None else math.nan
    return found if math.isfinite(found) else missing
