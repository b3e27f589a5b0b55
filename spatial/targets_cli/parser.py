"""What can be asked of ``spatial targets``: commands, options, help."""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import Any

from spatial.targets_cli.commands import (
    check_plans,
    list_targets,
    show_changes,
    show_definitions,
    show_forecast,
    show_left_out,
    show_overdue,
    show_problems,
    show_status,
    show_tasks,
)

_HELP = """\
Hold a city against its plans and its ledger of tasks. Plans are named in city.toml as [plans.NAME], the ledger as [ledger]."""
_MORE = """\
The questions that an examiner asks, and the command that answers each:

  what is due and not done, by how much, where, under which unit?        spatial targets overdue
  by which definition is it measured, and why does the yearbook differ?  spatial targets define TARGET
  did it really change, and what proves that a task is struck off?       spatial targets changes
  when is it reached at this pace, and which plan counts?                spatial targets forecast
  which project answers this check-up problem, and with whose money?     spatial targets problems

Every command takes the project as its last argument: city.toml or its folder; without it, the folder you are in."""


def add_targets(under: Any) -> None:
    """Add ``spatial targets`` and its commands to the command line.

    Parameters
    ----------
    under
        The subparsers of ``spatial``.
    """
    parser = under.add_parser(
        "targets", help="say whether the city is on course: targets of plans, tasks of the ledger", description=_HELP, epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    below = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    listing = below.add_parser("list", help="list targets; outside a project, those of every plan that comes with spatial")
    _options(listing, measures=False)
    _filters(listing)
    listing.add_argument("--area", metavar="NAME", help="only targets for this city, district or province")
    listing.add_argument(
        "--kind", choices=("metric", "ledger", "statistic", "targets", "awaited"), help="only targets that are measured so"
    )
    listing.set_defaults(command=list_targets)

    check = below.add_parser(
        "check", help="find where plans contradict one another or cannot be measured; exit code 3 while one is undecided"
    )
    _options(check, measures=False)
    check.set_defaults(command=check_plans)

    status = below.add_parser("status", help="say how far every target is, and how far it should be")
    _options(status)
    _filters(status)
    status.add_argument("--status", metavar="STATUS", help="only targets that are met, on_track, behind, not_met, no_data …")
    status.set_defaults(command=show_status)

    overdue = below.add_parser(
        "overdue", help="question 1: what is due and not done, by how much, where, under which unit, in which project"
    )
    _options(overdue)
    overdue.set_defaults(command=show_overdue)

    define = below.add_parser("define", help="question 2: by which definition a target is measured, and why the yearbook differs")
    define.add_argument("target", metavar="TARGET", help='the id of a target; "spatial targets list" shows them')
    _options(define)
    define.set_defaults(command=show_definitions)

    changes = below.add_parser("changes", help="question 3: what changed since the older ledger, and what proves that a task is struck off")
    _options(changes, by=False, date=False)
    changes.add_argument("--old", type=Path, metavar="FILE", help="the older ledger, of the same form (default: previous in [ledger])")
    changes.add_argument("--old-date", type=_day, metavar="DAY", help="the day to which the older ledger speaks, as 2025-05-31")
    changes.set_defaults(command=show_changes)

    forecast = below.add_parser(
        "forecast", help="question 4: when each target is reached at this pace, and where plans disagree, which counts"
    )
    _options(forecast)
    _filters(forecast)
    forecast.set_defaults(command=show_forecast)

    problems = below.add_parser(
        "problems", help="question 5: which project answers which check-up problem, with whose money, for how many people"
    )
    _options(problems)
    problems.set_defaults(command=show_problems)

    tasks = below.add_parser("tasks", help="list the tasks of the ledger: how late each is, who leads, which money, which proof")
    _options(tasks)
    tasks.add_argument("--due", choices=("overdue", "due", "later", "undated", "done", "cancelled"), help="only tasks of this kind")
    tasks.set_defaults(command=show_tasks)

    left_out = below.add_parser("left-out", help="list the rows of ledger and statistics that count nowhere, each with its reason")
    _options(left_out, by=False, date=False)
    left_out.set_defaults(command=show_left_out)


def _options(parser: argparse.ArgumentParser, *, measures: bool = True, by: bool = True, date: bool = True) -> None:
    parser.add_argument(
        "project", type=Path, nargs="?", default=Path(), metavar="city.toml", help="the project file, or its folder (default: here)"
    )
    default = "zh for a city in China, else en" if measures else "en"
    parser.add_argument("--lang", choices=("zh", "en"), help=f"language of what is written (default: {default})")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--wide", dest="how", action="store_const", const="wide", default="text", help="show every column of the table")
    how.add_argument("--json", dest="how", action="store_const", const="json", help="write JSON instead of a table")
    if not measures:
        return
    if date:
        parser.add_argument(
            "--date", type=_day, metavar="DAY", help="the day to judge on, as 2025-06-30 (default: that of the ledger, else of the data)"
        )
    if by:
        parser.add_argument("--by", metavar="AREAS", help="areas, as for run (default: districts); for status, show each of them too")
    parser.add_argument("--no-cache", action="store_true", help="do not keep parsed layers beside city.toml")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", metavar="NAME", help="only targets of this plan")
    parser.add_argument("--theme", metavar="THEME", help="only targets of this theme, such as transport or housing")


def _day(text: str) -> datetime.date:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f'"{text}" is no day; write it as 2025-06-30') from None
