"""The commands of ``spatial targets``: each reads what it needs, and no more, and says what it found."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from spatial.console import print_lines, say, table, wrapped
from spatial.errors import OptionError
from spatial.targets_cli.opened import (
    counts_of,
    filtered,
    head_of,
    is_project,
    judged,
    ledger_of,
    opened_city,
    planned,
    plans_said,
    rows_of,
    say_city,
    say_standing,
)
from spatial.text import Lang, Text

PROBLEMS_FOUND = 3


def list_targets(args: argparse.Namespace) -> None:
    """List targets as the plans state them; nothing is measured."""
    from spatial.outputs.standing_words import plural
    from spatial.outputs.target_views import listed_view
    from spatial.targets.plans import read_plans, shipped_plans, themes

    if is_project(args.project) or args.project != Path():
        project = planned(args.project)
        plans, targets = read_plans(project, own=project.path.parent)
    else:
        plans, targets = shipped_plans()
    chosen = filtered(args, plans, targets)
    if args.area:
        chosen = [target for target in chosen if args.area in target.area]
    if args.kind:
        chosen = [target for target in chosen if target.kind == args.kind]
    lang: Lang = args.lang or "en"
    count, many = len(chosen), len({target.plan for target in chosen})
    said = Text(f"{count} 项目标，{many} 个规划", f"{count} target{plural(count)} of {many} plan{plural(many)}")
    say(args.how, lang, "", [listed_view(chosen, plans, themes())], [said], {})


def check_plans(args: argparse.Namespace) -> int:
    """Show where plans contradict one another; 3 while one finding is undecided."""
    from spatial.outputs.standing_words import plural
    from spatial.outputs.target_views import contradictions_view
    from spatial.targets.standing import plans_of

    project = planned(args.project)
    _plans, targets, found = plans_of(project)
    undecided = int((found["decided"] == "").sum())
    count, many = len(targets), len(found)
    lines = [
        Text(
            f"{count} 项目标；发现 {many} 处，其中 {undecided} 处未定",
            f"{count} target{plural(count)}; {many} finding{plural(many)}, {undecided} undecided",
        )
    ]
    say(args.how, args.lang or "en", "", [contradictions_view(found)], lines, {"undecided": undecided})
    return PROBLEMS_FOUND if undecided else 0


def show_status(args: argparse.Namespace) -> None:
    """Show how far every target is."""
    from spatial.outputs.target_views import targets_view
    from spatial.targets.plans import themes

    opened, standing = judged(args)
    rows = rows_of(args, standing)
    say_standing(
        args, opened, standing, [targets_view(rows, standing.plans, themes())], [*counts_of(rows, standing.date), *plans_said(standing)]
    )


def show_overdue(args: argparse.Namespace) -> None:
    """Answer question 1: what is due and not done."""
    from spatial.outputs.standing_words import overdue_said
    from spatial.outputs.task_views import overdue_view

    opened, standing = judged(args, needs="either")
    view = overdue_view(standing.targets, standing.tasks, standing.date)
    say_standing(args, opened, standing, [view], [overdue_said(standing.targets, standing.tasks)])


def show_definitions(args: argparse.Namespace) -> None:
    """Answer question 2: by which definition a target is measured, and why the yearbook differs."""
    from spatial.outputs.target_views import definitions_view, targets_view
    from spatial.targets.plans import themes

    opened, standing = judged(args, only=args.target)
    lang = opened.lang
    rows = standing.targets[(standing.targets["target_id"] == args.target) & ~standing.targets["indicative"].astype(bool)]
    found = standing.definitions[standing.definitions["target_id"] == args.target]
    own = targets_view(rows, standing.plans, themes())
    views = [own, definitions_view(found)]
    if args.how == "json":
        say_standing(args, opened, standing, views, [])
        return
    lines = [head_of(opened, standing.date), *table(own, lang, wide=args.how == "wide"), ""]
    lines += [line for note in rows[f"note_{lang}"] for line in wrapped(note)]
    lines += ["", *table(replace(views[1], columns=views[1].columns[:-1]), lang, wide=args.how == "wide")]
    told = ""
    for row in found.to_dict("records"):
        meaning, _, state = row[f"definition_{lang}"].partition(" [")
        judged_by = Text("（据此判定）", " (judged by it)").get(lang) if row["judged"] else ""
        said = [*([meaning] if meaning != told else []), *([f"[{state}"] if state else [])]
        if said or judged_by:  # many variants differ in their title alone
            lines += ["", f"{row[f'title_{lang}']}{judged_by}:", *(f"    {line}" for text in said for line in wrapped(text))]
        told = meaning
    lines += ["", *(note.get(lang) for note in standing.notes)] if standing.notes else []
    print_lines(lines)


def show_changes(args: argparse.Namespace) -> None:
    """Answer question 3: what changed, and what proves it."""
    from spatial.outputs.standing_words import changes_said
    from spatial.outputs.task_views import changes_view
    from spatial.targets.duty import tasks
    from spatial.targets.standing import changes_of

    if args.old is not None and args.old_date is None:
        raise OptionError("--old needs the day to which that ledger speaks: --old-date 2025-05-31")
    opened = opened_city(args, planned(args.project, needs="ledger"))
    ledger = ledger_of(opened)
    said = opened.project.planned.ledger
    assert said is not None
    if args.old is not None and args.old_date > ledger.date:
        raise OptionError(f"--old-date {args.old_date} lies after the date {ledger.date} of the ledger: the older one comes first")
    if args.old is not None:
        said = replace(said, previous=args.old, previous_date=args.old_date)
    elif said.previous is None:
        raise OptionError(
            f"{opened.project.path} [ledger]: names no older ledger; add previous and previous_date, or give --old FILE --old-date DAY"
        )
    project = replace(opened.project, planned=replace(opened.project.planned, ledger=said))
    found = changes_of(project, opened.city, tasks(opened.city, opened.city.areas(), ledger.date))
    lines = [changes_said(found, said.previous_date)]
    say_city(args, opened, ledger.date, [changes_view(found)], lines, {"old_date": str(said.previous_date)})


def show_forecast(args: argparse.Namespace) -> None:
    """Answer question 4: when targets are reached at this pace, and which plan counts."""
    from spatial.outputs.target_views import contradictions_view, forecast_view

    opened, standing = judged(args)
    asked = rows_of(args, standing)
    view = forecast_view(asked)
    silent = asked["target_id"].nunique() - view.rows["target_id"].nunique()
    without = Text(
        f"另有 {silent} 项目标没有数值，无从预测", f"{silent} more {'has' if silent == 1 else 'have'} no value, and so no forecast"
    )
    lines = [without] if silent else []
    say_standing(args, opened, standing, [view, contradictions_view(standing.contradictions)], lines)


def show_problems(args: argparse.Namespace) -> None:
    """Answer question 5: which project answers which check-up problem."""
    from spatial.outputs.standing_words import problems_said
    from spatial.outputs.task_views import problems_view
    from spatial.targets.duty import problems
    from spatial.targets.standing import day_of

    opened = opened_city(args, planned(args.project, needs="ledger"))
    day = day_of(opened.city, args.date)
    found = problems(opened.city, opened.city.areas(args.by or "districts"), day)
    say_city(args, opened, day, [problems_view(found)], [problems_said(found)], {})


def show_tasks(args: argparse.Namespace) -> None:
    """List the tasks of the ledger."""
    from spatial.outputs.standing_words import plural, unstated
    from spatial.outputs.target_words import DUE_TITLES, amount
    from spatial.outputs.task_views import tasks_view
    from spatial.outputs.views import counted
    from spatial.targets.duty import tasks
    from spatial.targets.standing import day_of

    opened = opened_city(args, planned(args.project, needs="ledger"))
    day = day_of(opened.city, args.date)
    found = tasks(opened.city, opened.city.areas(args.by or "districts"), day)
    zh, en = (counted(list(found["due"]), DUE_TITLES, lang) for lang in ("zh", "en"))
    money, late = (float(part["investment"].astype(float).sum()) for part in (found, found[found["due"] == "overdue"]))
    poor = unstated(found, "investment")
    lines = [
        Text(f"{len(found)} 项任务：{zh}", f"{len(found)} task{plural(len(found))}: {en}"),
        Text(f"投资合计 {amount(money, 'CNY', 'zh')}，其中逾期 {amount(late, 'CNY', 'zh')}{poor.zh}",
             f"{amount(money, 'CNY', 'en')} in all, {amount(late, 'CNY', 'en')} of it overdue{poor.en}"),
    ]  # fmt: skip
    say_city(args, opened, day, [tasks_view(found[found["due"] == args.due] if args.due else found)], lines, {})


def show_left_out(args: argparse.Namespace) -> None:
    """List what counts nowhere, with the reason."""
    from spatial.outputs.task_views import left_out_view
    from spatial.targets.standing import day_of, left_out_of

    opened = opened_city(args, planned(args.project, needs="either"))
    say_city(args, opened, day_of(opened.city, None), [left_out_view(left_out_of(opened.city))], [], {})
