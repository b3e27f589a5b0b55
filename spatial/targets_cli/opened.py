"""A project as the commands of ``spatial targets`` need it: plans read, the city opened, judged; and how what was found is said."""

from __future__ import annotations

import argparse
import datetime
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spatial.console import clear, draw, say
from spatial.errors import OptionError, ProjectError, nearest
from spatial.text import Lang, Text

if TYPE_CHECKING:
    import pandas as pd

    from spatial.city import City
    from spatial.city_toml import Project
    from spatial.ledger.records import Ledger
    from spatial.outputs.views import View
    from spatial.result import Results
    from spatial.targets.model import Plan, Standing, Target

_MOST_REASONS = 8
# How a note begins that only sets the frame: why nothing can be said of the target stands behind it.
_FRAME = re.compile("what was added after|sum of the years from|the plan states no scope|the ledger ends on|.* state no scope$")
_NO_LINE = Text("有现状值而无基期值，算不出序时进度", "there is a value and no baseline, so that nothing tells how far it should be")
_NO_PLAN = 'names no plan; add [plans.NAME] with file = "data/plan.csv", or, of a plan that comes with spatial, [plans.NAME] alone'
_NO_LEDGER = 'names no ledger; add [ledger] with file = "data/ledger.csv" and date = "2025-06-30"'


@dataclass(frozen=True)
class Opened:
    """A project whose city has been read."""

    project: Project
    city: City
    lang: Lang
    progress: Any


def is_project(path: Path) -> bool:
    """Tell whether a path is a project's file or folder."""
    return os.path.isfile(path / "city.toml") or os.path.isfile(path)


def planned(path: Path, *, needs: str = "plans") -> Project:
    """Parse a project that has what a command needs.

    Parameters
    ----------
    path
        ``city.toml`` or its folder.
    needs
        ``plans``, ``ledger``, or ``either``.

    Raises
    ------
    ProjectError
        It is not there.
    """
    from spatial.city_toml import parse_project

    project = parse_project(path)
    plans, ledger = bool(project.planned.plans), project.planned.ledger is not None
    if needs == "either" and not (plans or ledger):
        raise ProjectError(f"{project.path}: {_NO_PLAN}; and {_NO_LEDGER}")
    if needs == "plans" and not plans:
        raise ProjectError(f"{project.path}: {_NO_PLAN}")
    if needs == "ledger" and not ledger:
        raise ProjectError(f"{project.path}: {_NO_LEDGER}")
    return project


def filtered(args: argparse.Namespace, plans: Mapping[str, Plan], targets: Sequence[Target]) -> list[Target]:
    """Return the targets of the plan and theme that are asked for.

    Raises
    ------
    OptionError
        There is no such plan or theme.
    """
    check_known("plan", args.plan, plans)
    check_known("theme", args.theme, {target.theme for target in targets})
    return [target for target in targets if args.plan in (None, target.plan) and args.theme in (None, target.theme)]


def check_known(what: str, word: str | None, known: Iterable[str]) -> None:
    """Assert that a word is one of those that are known.

    Raises
    ------
    OptionError
        It is not; the nearest one is suggested, and of a few all are listed.
    """
    names = sorted(known)
    if word is not None and word not in names:
        few = f"; known are: {', '.join(names)}" if len(names) <= 20 else ""
        raise OptionError(f'there is no {what} "{word}"{nearest(word, names)}{few}')


def opened_city(args: argparse.Namespace, project: Project) -> Opened:
    """Read the city of a project."""
    from spatial.progress import Progress
    from spatial.project import open_city

    if getattr(args, "by", None):
        project.check_areas(args.by)
    progress = Progress(None if args.quiet else draw())
    city = open_city(project.path, progress=progress, cache=not args.no_cache)
    clear(progress.draw is not None)
    return Opened(project, city, args.lang or ("zh" if "CGCS2000" in city.crs.name else "en"), progress)


def judged(args: argparse.Namespace, *, only: str | None = None, needs: str = "plans") -> tuple[Opened, Standing]:
    """Read the city, measure what its targets are bound to and nothing else, and judge.

    Parameters
    ----------
    args
        What was asked for.
    only
        The id of the one target that is asked about; its definitions are set side by side whatever it is measured by.
    needs
        ``plans``, or ``either`` plans or a ledger.

    Raises
    ------
    OptionError
        There is no such target, plan, theme or status; told before the city is read.
    """
    from spatial.measurement import measure
    from spatial.metrics import registered
    from spatial.targets.model import STATUSES
    from spatial.targets.plans import read_plans
    from spatial.targets.standing import metrics_needed, standing_of

    project = planned(args.project, needs=needs)
    plans, targets = read_plans(project, own=project.path.parent) if project.planned.plans else ({}, [])
    kinds: tuple[str, ...] = ("metric",)
    check_known("target", only, [target.id for target in targets])
    check_known("status", getattr(args, "status", None), STATUSES)
    if only is not None:
        targets, kinds = [target for target in targets if target.id == only], ("metric", "ledger", "statistic")
    elif hasattr(args, "plan"):
        targets = filtered(args, plans, targets)
    opened = opened_city(args, project)
    names = metrics_needed(targets, registered(project.path.parent), kinds)
    by = args.by or "districts"
    results: Results | None = measure(opened.city, names, by, lang=opened.lang, progress=opened.progress) if names else None
    with opened.progress.step("judge the targets"):
        standing = standing_of(project, opened.city, results, day=args.date, by=by)
    clear(opened.progress.draw is not None)
    assert standing is not None
    return opened, standing


def ledger_of(opened: Opened) -> Ledger:
    """Return the ledger of a city that has one, as ``planned`` has made sure."""
    assert opened.city.ledger is not None
    return opened.city.ledger


def rows_of(args: argparse.Namespace, standing: Standing) -> pd.DataFrame:
    """Rows of the targets that are asked for; single areas only where ``--by`` asks for them."""
    table = standing.targets
    if not args.by:
        table = table[~table["indicative"].astype(bool)]
    for column in ("plan", "theme"):
        if getattr(args, column) is not None:
            table = table[table[column] == getattr(args, column)]
    wanted = getattr(args, "status", None)
    if wanted is not None:
        table = table[table["status"] == wanted]
    return table


def plans_said(standing: Standing) -> list[Text]:
    """Say which plans were held against, of whom, and whether they are in force."""
    from spatial.outputs.target_words import PLAN_STANDING_TITLES

    said = []
    for plan in standing.plans.values():
        parts = (plan.authority, PLAN_STANDING_TITLES.get(plan.standing, Text("", "")))
        zh, en = ("，".join(part.zh for part in parts if part.zh), ", ".join(part.en for part in parts if part.en))
        said.append(Text(f"《{plan.title.zh}》{f'（{zh}）' if zh else ''}", f"{plan.title.en}{f' ({en})' if en else ''}"))
    return said


def counts_of(table: pd.DataFrame, day: datetime.date) -> list[Text]:
    """Count targets by status, each once, and say why of some nothing can be said."""
    from spatial.outputs.target_views import by_strength

    own = table[~table["indicative"].astype(bool)]
    from spatial.outputs.standing_words import plural

    said = [Text(f"截至 {day}，{len(own)} 项目标", f"on {day}, {len(own)} target{plural(len(own))}"), *by_strength(own)]
    unsaid = own[own["status"].isin(("no_data", "not_comparable", "not_measurable"))]
    valued = unsaid["value"].notna() & (unsaid["status"] == "no_data")
    reasons = Counter(
        _NO_LINE if known else _reason(zh, en) for known, zh, en in zip(valued, unsaid["note_zh"], unsaid["note_en"], strict=True)
    )
    most = sorted((-count, why) for why, count in reasons.items() if why.en)[:_MOST_REASONS]
    return said + [Text(f"  {-count} 项无法判定：{why.zh}", f"  {-count} cannot be judged: {why.en}") for count, why in most]


def _reason(zh: str, en: str) -> Text:
    """Take from a note the first part that is a reason."""
    parts = [part for part in zip(zh.split("；"), en.split("; "), strict=False) if "synthetic" not in part[1]] or [("", "")]
    return Text(*next((part for part in parts if not _FRAME.match(part[1])), parts[0]))


def head_of(opened: Opened, day: datetime.date) -> str:
    """Say which city, on which day, and whether it is made up."""
    return " · ".join(part for part in (opened.city.name, str(day), opened.city.synthetic) if part)


def say_standing(args: argparse.Namespace, opened: Opened, standing: Standing, views: Sequence[View], lines: Sequence[Text]) -> None:
    """Say what was judged, with plans, day, totals and what was left out."""
    more = {
        "date": standing.date.isoformat(),
        "plans": {name: plan.title.get(opened.lang) for name, plan in standing.plans.items()},
        "left_out": len(standing.left_out),
    }
    say(args.how, opened.lang, head_of(opened, standing.date), views, [*lines, *standing.notes], more)


def say_city(
    args: argparse.Namespace, opened: Opened, day: datetime.date, views: Sequence[View], lines: Sequence[Text], more: Mapping[str, Any]
) -> None:
    """Say what the ledger tells, with the day, totals and what was left out."""
    from spatial.targets.standing import left_out_of, notes_of

    known = {"date": day.isoformat(), "left_out": len(left_out_of(opened.city)), **more}
    say(args.how, opened.lang, head_of(opened, day), views, [*lines, *notes_of(opened.city, day)], known)
