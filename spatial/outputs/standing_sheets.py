"""How a city stands, as sheets of the workbook and as tables in the run's folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from spatial.files import atomic_path, writing
from spatial.ledger.records import LEFT_OUT
from spatial.outputs.cells import clipped, figure, safe_cell
from spatial.outputs.standing_words import changes_said, overdue_said, problems_said
from spatial.outputs.target_views import by_strength, contradictions_view, definitions_view, forecast_view, targets_view
from spatial.outputs.target_words import DUE_TITLES
from spatial.outputs.task_groups import may_show, targets_to_show
from spatial.outputs.task_views import changes_view, left_out_view, overdue_view, problems_view, tasks_view
from spatial.outputs.views import Cell, Column, Figure, View, counted
from spatial.result import Results
from spatial.targets.model import TARGET_TABLE, TASK_TABLE, Standing
from spatial.targets.plans import themes
from spatial.text import Lang, Text
from spatial.units import unit_of

_TONES = {
    "good": {"bg_color": "#d7efe6", "font_color": "#00563f"},
    "warn": {"bg_color": "#fdf0cf", "font_color": "#6b4700"},
    "bad": {"bg_color": "#fbdfd2", "font_color": "#8a2a00"},
    "idle": {"font_color": "#666666"},
}
_HEAD = {"bold": True, "bg_color": "#e8eef4", "text_wrap": True, "valign": "top", "border": 1, "border_color": "#c0c8d0"}
_SECRET = Text("台账为涉密资料：逐条任务不列入本文件", "the ledger is secret: no single task is listed here")


def _rank(values: pd.Series) -> pd.Series:
    """Sort rows of a file as numbers where they are some, everything else as text."""
    texts = values.astype(str)
    return texts.str.zfill(12) if values.name == "row" else texts


def write_standing(standing: Standing, results: Results, folder: Path) -> list[Path]:
    """Write ``targets.csv``, ``tasks.csv`` and ``left_out.csv``.

    Parameters
    ----------
    standing
        What is written, whole; of a secret ledger the tasks are left away.
    results
        The measured city.
    folder
        Where they go.

    Returns
    -------
    list of Path
        What was written; sorted, UTF-8 with BOM, the same bytes for the same input.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    shown = _shown(standing, results)
    made_up = results.city.synthetic
    targets = shown.targets
    if made_up:
        targets = targets.assign(
            **{key: [f"{made_up}; {note}" if note else made_up for note in targets[key]] for key in ("note_zh", "note_en")}
        )
    extra = [column for column in ("due",) if column in targets]
    tables = (
        ("targets.csv", targets, [*TARGET_TABLE, *extra], ["target_id", "indicative", "area_id"]),
        ("tasks.csv", shown.tasks.assign(note=made_up), [*TASK_TABLE, "note"], ["id", "name", "type", "status_date"]),
        ("left_out.csv", shown.left_out.assign(note=made_up), [*LEFT_OUT, "note"], ["source", "row", "id", "reason_en"]),
    )
    written = []
    for name, table, columns, key in tables:
        path = folder / name
        with atomic_path(path) as part, writing(path):
            ordered = table[columns].sort_values(key, kind="stable", key=_rank)
            plain = pd.DataFrame({column: [_plain(value) for value in ordered[column]] for column in columns})
            plain.to_csv(part, index=False, encoding="utf-8-sig", lineterminator="\n")
        written.append(path)
    return written


def _plain(value: Any) -> str:
    if value is None or value is pd.NA or value is pd.NaT:
        return ""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "true" if value else "false"
    return figure(float(value)) if isinstance(value, int | float) or hasattr(value, "dtype") else safe_cell(value)


def _shown(standing: Standing, results: Results) -> Standing:
    """Leave away every single record of a secret ledger; what is counted of it stays."""
    if may_show(results.city):
        return standing
    none = {name: getattr(standing, name).iloc[:0] for name in ("tasks", "changes", "problems")}
    left_out = standing.left_out[standing.left_out["source"] != "ledger"]
    return replace(standing, **none, left_out=left_out, targets=targets_to_show(standing, results.city), notes=(*standing.notes, _SECRET))


def add_sheets(standing: Standing, results: Results, book: Any) -> None:
    """Add the sheets of targets, tasks and of the five questions to the workbook.

    Parameters
    ----------
    standing
        How the city stands; of a secret ledger no single record is shown.
    results
        The measured city and the language.
    book
        An open ``xlsxwriter.Workbook`` that takes texts as texts.
    """
    made = _shown(standing, results)
    lang = results.lang
    looks = Looks(book, lang)
    about = " · ".join(part for part in (results.city.name, standing.date.isoformat(), results.city.synthetic) if part)
    targets, tasks = made.targets, made.tasks
    wanted = targets[~targets["indicative"].astype(bool)]
    out = len(made.left_out)
    sheets: tuple[tuple[Sequence[View], Text], ...] = (
        ((targets_view(targets, made.plans, themes()),), Text("", "")),
        ((tasks_view(tasks),), _both(lambda one: counted(tasks["due"], DUE_TITLES, one))),
        ((overdue_view(targets, tasks, made.date),), overdue_said(targets, standing.tasks)),
        ((definitions_view(made.definitions),), Text("", "")),
        ((changes_view(made.changes),), changes_said(standing.changes, standing.since)),
        ((forecast_view(targets), contradictions_view(made.contradictions)), Text("", "")),
        ((problems_view(made.problems),), problems_said(standing.problems) if len(standing.problems) else Text("", "")),
        (
            (left_out_view(made.left_out),),
            Text(f"{out} 行未计入，逐行列明原因", f"{out} row{'' if out == 1 else 's'} left out, each with its reason"),
        ),
    )
    for number, (views, said) in enumerate(sheets):
        notes = [
            *(text.get(lang) for text in by_strength(wanted) if number == 0),
            said.get(lang),
            *(note.get(lang) for note in made.notes if number == 0 or note is _SECRET),
        ]
        write_sheet(book, looks, views, [about, *(note for note in notes if note)], lang)


def _both(say: Any) -> Text:
    return Text(say("zh"), say("en"))


def write_sheet(book: Any, looks: Looks, views: Sequence[View], lines: list[str], lang: Lang) -> None:
    """Write one sheet: what it is about, then its tables one below the other; the filter is that of the first."""
    sheet = book.add_worksheet(views[0].title.get(lang))
    for row, line in enumerate(lines):
        sheet.write_string(row, 0, clipped(line))
    head = len(lines)
    sheet.freeze_panes(head + 1, 2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(head)
    for nth, view in enumerate(views):
        if nth:
            sheet.write_string(head, 0, view.title.get(lang), looks.of("", "", bold=True))
            head += 1
        end = _table(sheet, looks, view, head, lang)
        if not nth and end > head:
            sheet.autofilter(head, 0, end, len(view.columns) - 1)
        head = end + 3
    widths = [
        max(view.columns[nth].width for view in views if nth < len(view.columns)) for nth in range(max(len(v.columns) for v in views))
    ]
    for nth, width in enumerate(widths):
        sheet.set_column(nth, nth, width)


def _table(sheet: Any, looks: Looks, view: View, head: int, lang: Lang) -> int:
    """Write a table with its head; return the row in which it ends."""
    for nth, column in enumerate(view.columns):
        sheet.write_string(head, nth, column.title.get(lang), looks.head)
    records = view.records()
    if not records:
        sheet.write_string(head + 1, 0, view.empty.get(lang))
        return head
    for row, record in enumerate(records, start=head + 1):
        for nth, column in enumerate(view.columns):
            _write(sheet, looks, row, nth, column, record, lang)
    return head + len(records)


def _write(sheet: Any, looks: Looks, row: int, nth: int, column: Column, record: Any, lang: Lang) -> None:
    cell: Cell = column.cell(record, lang)
    tone, faint = column.tone(record), bool(record.get("indicative", False))
    if not isinstance(cell, Figure):
        if cell or tone:
            sheet.write_string(row, nth, clipped(cell), looks.of("", tone, faint=faint, wrap=column.width >= 60))
        return
    value = float(cell.value) if not pd.isna(cell.value) else math.nan
    if math.isfinite(value) and abs(value) < 1e300:
        factor, digits, pattern = _pattern(cell.unit, lang)
        sheet.write_number(row, nth, round(value * factor, digits + 2), looks.of(pattern, tone, faint=faint))


def _pattern(unit: str, lang: Lang) -> tuple[float, int, str]:
    """Factor, digits and number format of a unit: shares as a spreadsheet's own per cent, money in 万元 or millions."""
    if unit == "1":
        return 1.0, 3, "0.0%"
    if unit in ("money", "CNY"):
        return (1e-4, 2, '#,##0.00" 万元"') if lang == "zh" else (1e-6, 2, '#,##0.00" million CNY"')
    if unit == "number":
        return 1.0, 0, "#,##0"
    known = unit_of(unit)
    label = known.label.get(lang)
    zeros = "0." + "0" * known.decimals if known.decimals else "0"
    return known.factor, known.decimals, f"#,##{zeros}" + (f'" {label}"' if label else "")


class Looks:
    """Formats of the workbook, each made once."""

    def __init__(self, book: Any, lang: Lang) -> None:
        self.book = book
        self.made: dict[tuple[Any, ...], Any] = {}
        self.head = book.add_format(_HEAD)

    def of(self, pattern: str, tone: str, *, faint: bool = False, wrap: bool = False, bold: bool = False) -> Any:
        """Return the format of a cell: its number, its colour, italics for what is only indicative."""
        key = (pattern, tone, faint, wrap, bold)
        if key not in self.made:
            style: dict[str, Any] = {"valign": "top", **_TONES.get(tone, {})}
            style |= {"num_format": pattern} if pattern else {}
            style |= {name: True for name, on in (("italic", faint), ("text_wrap", wrap), ("bold", bold)) if on}
            self.made[key] = self.book.add_format(style)
        return self.made[key]
