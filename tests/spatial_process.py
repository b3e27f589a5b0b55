"""The command line as a process of its own, as a planner runs it; and what a whole run looks like."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from tests.small_city import parks, project

ROOT = Path(__file__).resolve().parents[1]
FEW = ("--metrics", "data_completeness,population,road_area_ratio", "--quiet", "--lang", "en")
TABLES = ("metrics.csv", "metrics.parquet")
COMMAND = (sys.executable, "-m", "spatial")


def environment(**variables: str) -> dict[str, str]:
    """The environment of this process and the package of this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **variables}


def spatial(*arguments: object, before: Sequence[str] = (), variables: Mapping[str, str] | None = None, **options: Any) -> Any:
    """Run the command line to its end; ``before`` stands before it, as ``unshare -n`` does."""
    command = [*before, *COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, encoding="utf-8", timeout=120,
        **{"env": environment(**(variables or {})), **options},
    )  # fmt: skip


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Begin a run and do not wait for it; one that hears Ctrl-C, also where the tests themselves run in the background, deaf to it."""
    command = [*COMMAND, *map(str, arguments)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    hears = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)} if os.name == "posix" else {}
    return subprocess.Popen(command, env=environment(), text=True, encoding="utf-8", **{**quiet, **hears, **options})


def city(folder: Path) -> Path:
    """A project with an extract and two local layers: each is cached by itself."""
    return project(folder, osm=True, layers={"parks": parks()})


def latest(path: Path) -> Path:
    """The folder that ``latest.json`` of a project points to."""
    out = path.parent / "out"
    return out / json.loads((out / "latest.json").read_text("utf-8"))["run"]


def tables(run: Path) -> list[bytes]:
    """The bytes that must be the same whatever happened."""
    return [(run / name).read_bytes() for name in TABLES]


def assert_whole(run: Path) -> None:
    """A run whose every file is there and can be read."""
    record = json.loads((run / "run.json").read_text("utf-8"))
    assert sorted(path.name for path in run.iterdir()) == record["files"]
    assert len(pd.read_parquet(run / "metrics.parquet")) == (run / "metrics.csv").read_text("utf-8-sig").count("\n") - 1
    with closing(sqlite3.connect(f"file:{run / 'city.gpkg'}?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA quick_check").fetchone() == ("ok",)
    assert (run / "map.html").read_text("utf-8").rstrip().endswith("</html>")
