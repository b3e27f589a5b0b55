"""``docs/ledger.md`` says what the code does, and its example is a ledger."""

from __future__ import annotations

import re
from pathlib import Path

import pyproj
import pytest

from spatial.ledger.declared import ledger_metrics
from spatial.ledger.ladder import STATUSES, status_of
from spatial.ledger.reading import make_ledger
from spatial.ledger.records import FIELDS
from spatial.ledger.values import day_of
from spatial.sources.ledger import read_rows
from spatial.sources.options import FileOptions
from tests.ledger.town import CRS, Said

PAGE = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def cells(title: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section(title).splitlines() if line.startswith("|")]
    return rows[2:]


def test_every_column_and_status_stands_on_the_page():
    assert {word for row in cells("Columns") for word in re.findall(r"`([^`]+)`", row[0])} == set(FIELDS)
    assert [row[0].strip("`") for row in cells("Statuses")] == list(STATUSES)
    for status, words in cells("Statuses"):
        for word in words.partition(":")[0].split(", "):
            assert status_of(word) == status.strip("`"), word


def test_every_shipped_metric_stands_on_the_page():
    assert cells("Shipped metrics") == [
        [f"`{name}`", metric.title.zh, metric.kind, metric.unit, metric.required, metric.period]
        for name, metric in ledger_metrics().items()
    ]


def test_days_of_the_page_are_read():
    listed = re.findall(r"`([^`]+)`", section("Columns").partition("Days are written")[2])
    assert len(listed) == 5
    assert {day_of(word) for word in listed} == {day_of("2025-06-30")}


def test_the_example_is_a_ledger(tmp_path):
    (tmp_path / "ledger.csv").write_text(re.search(r"```csv\n(.*?)```", PAGE, re.DOTALL)[1], encoding="utf-8")
    rows = read_rows(tmp_path / "ledger.csv", FileOptions(crs="EPSG:4326"), where="ledger", wanted=FIELDS)
    found = make_ledger(rows, Said(), crs=pyproj.CRS(CRS), boundary=None, where="ledger")
    assert len(found.left_out) == 0
    assert found.frame["status"].tolist() == ["completed", "started", "opened", "main_structure"]
    assert found.frame["quantity"].tolist() == pytest.approx([1200, 900, 0.4, 1201])
    assert found.frame.geometry.notna().tolist() == [True, True, True, False]
