"""What colours the areas of a map of data quality: what was measured and what the data cover, in place of a metric's value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spatial.result import STATUS_TITLES, STATUSES, MetricInfo
from spatial.text import Lang

Rows = Mapping[str, npt.NDArray[Any]]
USABLE = "usable_metrics"
USABLE_VARIANTS: Mapping[str, tuple[str, ...]] = {"usable_known": ("ok", "estimated"), "usable_ok": ("ok",)}


@dataclass(frozen=True, eq=False)
class Shown:
    """Figures that colour the areas: by row of the page, with their unit and the status under which they are drawn."""

    name: str
    value: npt.NDArray[np.float64]
    status: npt.NDArray[np.object_]
    unit: str


def speaks_of_data(info: MetricInfo) -> bool:
    """Whether quality and coverage say something of a metric: records and yearbooks cover nothing and are what they are."""
    return info.source == "layers"


def quality_of(part: Rows, column: str) -> Shown:
    """Return the quality or the coverage of one variant.

    Parameters
    ----------
    part
        Rows of the table, in the order of the page.
    column
        ``quality``, drawn under the status of the value that it belongs to, or ``coverage``, which is known of every area.
    """
    value = part[column]
    status = part["status"]
    if column == "coverage":
        status = np.where(np.isfinite(value), "ok", "no_data").astype(object)
    return Shown(column, value, status, "1")


def usable(parts: Sequence[Rows], rows: int) -> list[Shown]:
    """Count by area the metrics that can be used.

    Parameters
    ----------
    parts
        One a metric: the rows of its default variant, in the order of the page.
    rows
        How many there are.
    """
    found = []
    for name, statuses in USABLE_VARIANTS.items():
        count = sum((np.isin(part["status"], statuses) for part in parts), np.zeros(rows))
        found.append(Shown(name, np.asarray(count, dtype=float), np.full(rows, "ok" if parts else "no_data", dtype=object), "count"))
    return found


def unusable_said(parts: Mapping[str, Rows], rows: int, lang: Lang) -> list[str]:
    """Name by area the metrics that are not measured in full, by what they are instead.

    Parameters
    ----------
    parts
        By the title of each metric, the rows of its default variant in the order of the page.
    rows
        How many there are.
    lang
        Of the titles.
    """
    status = {title: part["status"] for title, part in parts.items()}
    colon, comma, stop = ("：", "、", "；") if lang == "zh" else (": ", ", ", "; ")
    found = []
    for row in range(rows):
        named = {kind: [title for title, states in status.items() if states[row] == kind] for kind in STATUSES if kind != "ok"}
        found.append(stop.join(f"{STATUS_TITLES[kind].get(lang)}{colon}{comma.join(titles)}" for kind, titles in named.items() if titles))
    return found


def said_of(columns: Sequence[str], words: Mapping[str, Any], definition: str) -> str:
    """Return what the page says in place of a metric's definition: what is shown, and then what the metric is."""
    return " ".join([*(words["shows"][f"{column}_says"] for column in columns), definition])
