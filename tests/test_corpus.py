"""Sixty cases of the campaign of bad inputs (``tests/corpus``), drawn by seed; ``make corpus`` runs as many as one likes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.campaign import draw
from tests.corpus.judge import difference, of_failure, told
from tests.corpus.limits import Ended
from tests.corpus.scene import DAMAGES, Expected

ROOT = Path(__file__).parents[1]
SEED = 20260
COUNT = 40


def test_forty_damaged_inputs_end_in_an_error_a_notice_or_a_right_table(tmp_path: Path) -> None:
    """Apart from the tests' own process: the campaign forks, and a fork of a process with threads may hang."""
    command = [
        sys.executable,
        "-m",
        "tests.corpus",
        "--seed",
        str(SEED),
        "--count",
        str(COUNT),
        "--jobs",
        "2",
        "--folder",
        str(tmp_path / "cases"),
    ]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert f"seed {SEED}: {COUNT} cases in" in done.stdout
    verdicts = [json.loads(path.read_text()) for path in (tmp_path / "cases" / "verdicts").iterdir()]
    assert len(verdicts) == COUNT
    outcomes = {verdict["outcome"] for verdict in verdicts}
    assert {"error", "same", "told"} <= outcomes  # the damages reach every way in which a run may end


def test_the_same_seed_draws_the_same_cases_and_every_damage_comes_up() -> None:
    cases = draw(7, 500)
    assert cases == draw(7, 500)
    assert cases[:COUNT] == draw(7, COUNT)
    assert cases != draw(8, 500)
    assert {case.damage for case in cases} == set(DAMAGES)
    assert cases[3].rng.random() == draw(7, 500)[3].rng.random()


ROW = {"metric": "population", "variant": "", "area_id": "a", "scope": "", "date": "2024-04-09", "area_name": "A", "value": "10", "low": "", "high": "",
       "numerator": "10", "denominator": "", "coverage": "1", "quality": "1", "unit": "persons", "status": "ok", "note": ""}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": "10.0000001"}, "value"),
        ({"value": ""}, "value"),
        ({"status": "partial"}, "status"),
        ({"area_id": "b"}, "area_id"),
        ({"note": "x"}, ""),
    ],
)
def test_the_judge_sees_another_table(change: dict[str, str], said: str) -> None:
    assert (said in difference([ROW], [{**ROW, **change}])) if said else difference([ROW], [{**ROW, **change}]) == ""
    assert difference([ROW, ROW], [ROW])


def test_the_judge_sees_a_bad_error() -> None:
    ended = Ended(3, 1.0, 1.0, 100.0, late=False)
    assert of_failure("error: parks: x.gpkg: is corrupt", ended, ("x.gpkg",), [], []) == []
    for said, fault in (
        ("oops", "no line begins"),
        ("error: it failed", "names neither"),
        ("error: x.gpkg: \x1b[31m", "says"),
        ("error: x.gpkg" + "y" * 9000, "characters"),
    ):
        assert any(fault in each for each in of_failure(said, ended, ("x.gpkg",), [], []))
    assert of_failure("error: x.gpkg", ended, ("x.gpkg",), ["sentinel.txt"], []) == ["touched sentinel.txt"]
    assert "a fault of the program" in of_failure("error: x.gpkg", Ended(70, 1.0, 1.0, 100.0, late=False), ("x.gpkg",), [], [])


def test_what_an_undamaged_run_says_too_tells_nothing() -> None:
    notice = "notice: parks: geometries are invalid: repaired: 1 (id G001)"
    assert told(notice, "", Expected(("told",), words=r"parks: .*: 1\b"), ("parks",))
    assert not told(notice, notice, Expected(("told",), words=r"parks: .*: 1\b"), ("parks",))
    assert not told("notice: roads: x", "", Expected(("told",)), ("parks",))


def test_no_case_names_a_place_of_this_machine() -> None:
    for path in (ROOT / "tests" / "corpus").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/home/\w", text), path.name
        assert str(ROOT) not in text, path.name
