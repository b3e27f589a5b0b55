"""The tables that stand beside a city: its ledger, an older one, its statistics, and the plans that it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyproj

from spatial.city_toml import Project
from spatial.errors import sample
from spatial.layers import Repair
from spatial.ledger import records
from spatial.ledger.declared import LedgerMetric, ledger_metrics
from spatial.ledger.reading import make_ledger
from spatial.ledger.records import Ledger
from spatial.ledger.values import plain_of
from spatial.sources.ledger import read_rows
from spatial.statistics import FIELDS as STATISTICS_FIELDS
from spatial.statistics import Statistics, make_statistics, statistic_metrics
from spatial.text import Text

TABLES = ("ledger", "statistics")
_FIELDS = {"ledger": records.FIELDS, "statistics": STATISTICS_FIELDS}


def planned_files(project: Project) -> list[tuple[str, str, Path]]:
    """Return the files of plans, of the ledger, of the older ledger and of the statistics.

    Returns
    -------
    list
        The name that ``run.json`` gives it, where ``city.toml`` names it, and the file.
    """
    planned = project.planned
    files = [(f"plans.{name}", f"plans.{name}", plan.path) for name, plan in planned.plans.items() if plan.path]
    if planned.ledger:
        files.append(("ledger", "ledger", planned.ledger.path))
        files += [("previous ledger", "ledger", planned.ledger.previous)] if planned.ledger.previous else []
    if planned.statistics:
        files.append(("statistics", "statistics", planned.statistics.path))
    return [(name, f"{project.path} [{table}]", path) for name, table, path in files]


def table_rows(project: Project, name: str, *, told: list[Text], path: Path | None = None) -> gpd.GeoDataFrame:
    """Read the rows of ``ledger`` or ``statistics``.

    Parameters
    ----------
    project
        Says how they are read.
    name
        One of ``TABLES``.
    told
        Takes what a reader must know of the reading.
    path
        Another file of the same form.

    Raises
    ------
    SourceError, OptionError, CRSError, LayerError
        As ``read_rows``.
    """
    file = getattr(project.planned, name)
    repairs: list[Repair] = []
    rows = read_rows(path or file.path, file.read, where=name, wanted=_FIELDS[name], told=repairs)
    told += [repair.text() for repair in repairs]
    return rows


def ledger_of(project: Project, rows: gpd.GeoDataFrame | None, crs: pyproj.CRS, outline: Any | None) -> Ledger | None:
    """Make the ledger of a project; ``None`` where it names none, or its rows could not be read.

    Raises
    ------
    LayerError
        As ``make_ledger``.
    """
    file = project.planned.ledger
    if file is None or rows is None:
        return None
    made = make_ledger(rows, file, crs=crs, boundary=outline, where=f"ledger: {file.path}")
    return replace(made, notices=(*made.notices, *_complete_for_nothing(made, ledger_metrics(project.path.parent))))


def _complete_for_nothing(ledger: Ledger, declared: Mapping[str, LedgerMetric]) -> list[Text]:
    """Tell of types that are declared complete and that nobody knows: a slip of the pen would make no data of a zero."""
    known = {plain_of(word) for metric in declared.values() for word in metric.select.types} | {
        plain_of(word) for word in ledger.frame["type"]
    }
    unknown = [word for word in ledger.complete_for if plain_of(word) not in known]
    if not unknown:
        return []
    said = sample(unknown)
    return [
        Text(f"台账：complete_for 所列类型没有任何指标使用：{said}", f"ledger: complete_for names types that no metric asks for: {said}")
    ]


def read_previous(project: Project, crs: pyproj.CRS, outline: Any | None) -> Ledger | None:
    """Read the older ledger; ``None`` where the project names none.

    Raises
    ------
    SourceError, OptionError, CRSError, LayerError
        As the ledger itself.
    """
    file = project.planned.ledger
    if file is None or file.previous is None:
        return None
    rows = table_rows(project, "ledger", told=[], path=file.previous)
    return make_ledger(rows, replace(file, date=file.previous_date), crs=crs, boundary=outline, where=f"ledger: {file.previous}")


def statistics_of(project: Project, rows: gpd.GeoDataFrame | None) -> Statistics | None:
    """Make the statistics of a project; ``None`` where it names none, or its rows could not be read.

    Raises
    ------
    LayerError
        As ``make_statistics``.
    """
    file = project.planned.statistics
    if file is None or rows is None:
        return None
    return make_statistics(rows, file, statistic_metrics(project.path.parent), where=f"statistics: {file.path}")
