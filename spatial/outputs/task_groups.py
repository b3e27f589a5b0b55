"""Tasks of the ledger as maps show them: in which group each is, in which colour and shape, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from spatial.city import City
from spatial.ledger.records import Ledger
from spatial.targets.model import Standing
from spatial.text import Text

# By which columns a task and its record are found to be the same, one after the other: a day may change the status, and ids may be absent.
_SAME = (("id",), ("id", "name", "type", "status"), ("id", "name", "type"))


@dataclass(frozen=True)
class TaskGroup:
    """Tasks that are drawn alike.

    Attributes
    ----------
    color
        Of Okabe and Ito's set, which people who confuse red and green can tell apart.
    shape
        Of points: ``circle``, ``ring``, ``square``, ``triangle``, ``cross``; the colour is never the only sign.
    dash
        Of lines and outlines, as SVG writes it; empty for whole ones.
    weight
        Width of lines in pixels.
    """

    name: str
    title: Text
    color: str
    shape: str
    dash: str
    weight: float


# In the order in which they are drawn: what is overdue lies on top.
TASK_GROUPS = (
    TaskGroup("cancelled", Text("已取消", "cancelled"), "#6b7280", "cross", "1 5", 2.0),
    TaskGroup("done", Text("已竣工、已投用（销号）", "done: completed or opened"), "#009e73", "circle", "", 3.0),
    TaskGroup("planned", Text("谋划、已批复（未开工）", "not begun: planned or approved"), "#0072b2", "ring", "7 5", 2.5),
    TaskGroup("under_way", Text("在建（含主体完工）", "under way, main structure done included"), "#0072b2", "square", "", 3.0),
    TaskGroup("overdue", Text("逾期未完成", "overdue"), "#d55e00", "triangle", "", 4.0),
)


def group_of(status: str, due: str) -> str:
    """Return the name of the group of a task.

    Parameters
    ----------
    status
        Of the ledger's ladder.
    due
        Of the table of tasks; what it says goes before the status, since it knows the day.
    """
    if status == "cancelled" or due == "cancelled":
        return "cancelled"
    if due in ("done", "overdue"):
        return due
    if status in ("completed", "opened"):
        return "done"
    return "under_way" if status in ("started", "main_structure") else "planned"


def may_show(city: City) -> bool:
    """Tell whether single records may be shown: never of a secret ledger."""
    return city.ledger is None or city.ledger.sensitivity != "secret"


def targets_to_show(standing: Standing, city: City) -> pd.DataFrame:
    """Return the table of targets; of a secret ledger without what stands in its records: the unfinished projects and their units."""
    return standing.targets if may_show(city) else standing.targets.assign(projects="", lead_unit="", assisting_unit="")


def placed_tasks(standing: Standing, ledger: Ledger) -> gpd.GeoDataFrame:
    """Put the tasks where their records lie.

    Parameters
    ----------
    standing
        With the table of tasks.
    ledger
        Whose records they are.

    Returns
    -------
    geopandas.GeoDataFrame
        The table of tasks with ``state``, the name of its group, ``proof``, what says that it is done, and the geometry of its record in the
        city's CRS; ``None`` where a task has no place. Ids need not be there nor be unique: records that read alike are taken in their order.
    """
    tasks = standing.tasks.reset_index(drop=True)
    frame = ledger.frame
    found = _places(tasks, frame)
    geometry = np.array([None if shape is None or shape.is_empty else shape for shape in found] or [], dtype=object)
    states = [group_of(str(status), str(due)) for status, due in zip(tasks["status"], tasks["due"], strict=True)]
    return gpd.GeoDataFrame(tasks.assign(state=states, proof=_proofs(tasks)), geometry=list(geometry), crs=frame.crs)


def _places(tasks: pd.DataFrame, records: gpd.GeoDataFrame) -> list[Any]:
    shapes = records.geometry.to_numpy()
    found: dict[int, int] = {}
    for columns in _SAME:
        taken = set(found.values())
        left = [row for row in range(len(records)) if row not in taken]
        known = {key: left[row] for row, key in enumerate(_keys(records.iloc[left], columns)) if key[0] or len(columns) > 1}
        open_ = [row for row in range(len(tasks)) if row not in found]
        for row, key in zip(open_, _keys(tasks.iloc[open_], columns), strict=True):
            if key in known:
                found[row] = known[key]
    return [shapes[found[row]] if row in found else None for row in range(len(tasks))]


def _keys(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return what each row reads in these columns, and which of several such rows it is."""
    texts = pd.DataFrame({column: frame[column].fillna("").astype(str) for column in columns}).reset_index(drop=True)
    number = texts.groupby(list(columns)).cumcount().astype(str)
    return list(zip(*(texts[column] for column in columns), number, strict=True))


def _proofs(tasks: pd.DataFrame) -> list[str]:
    """Say what proves a task: the acceptance document, the evidence, pictures or geometries before and after; each once."""
    columns = [tasks[column].fillna("").astype(str).str.strip() for column in ("acceptance", "evidence", "before", "after")]
    return ["; ".join(dict.fromkeys(text for text in texts if text)) for texts in zip(*columns, strict=True)]
