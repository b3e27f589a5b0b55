"""Look at a project before its numbers are used: ``check_project`` gathers every fault and says what each does to the numbers."""

from __future__ import annotations

import os
from pathlib import Path

from spatial.catalogue import declarations
from spatial.check.content import look_at_contents
from spatial.check.datums import look_at_datums
from spatial.check.outlook import look_ahead
from spatial.check.page import page as page
from spatial.check.report import Report
from spatial.check.supplied import look_at_layers
from spatial.city import City
from spatial.city_toml import Project, parse_project
from spatial.crs import name_of
from spatial.errors import SpatialError
from spatial.metrics import registered
from spatial.outputs.evidence import check_overlays
from spatial.progress import Progress
from spatial.project import Inputs, assemble, read_inputs
from spatial.text import Text


def check_project(path: str | Path, *, by: str = "districts", progress: Progress | None = None, cache: bool = True) -> Report:
    """Check a project and all its inputs.

    Parameters
    ----------
    path
        ``city.toml`` or its folder.
    by
        Areas to report by, as for ``measure``.
    progress
        Where steps are reported.
    cache
        Whether parsed layers are kept beside ``city.toml``.

    Returns
    -------
    Report
        Findings and facts. A fault of an input is a finding, never an exception: reading goes on with the other layers. What the metrics
        will say is measured, not guessed, and only where every input could be read.
    """
    path = Path(path)
    progress = progress or Progress()
    report = Report(str(path / "city.toml" if os.path.isdir(path) else path))
    try:
        project = parse_project(path)
        registered(project.path.parent)  # wrong declarations of metrics
        check_overlays(declarations("maps", project.path.parent)["overview"])
    except SpatialError as error:
        _fault(report, "city.toml", error)
        return report
    broken: list[str] = []

    def on_fault(layer: str, error: SpatialError) -> None:
        broken.append(layer)
        _fault(report, layer, error)

    read = read_inputs(project, progress=progress, cache=cache, on_fault=on_fault)
    city = _city(project, read, report, progress)
    if city is None:
        return report
    report.lang = "zh" if "CGCS2000" in city.crs.name else "en"
    _head(report, city)
    with progress.step("look at the layers"):
        look_at_layers(report, project, city, read, by)
        look_at_datums(report, project, city, read)
    with progress.step("look at what they hold"):
        look_at_contents(report, city, read, by)
    if broken or report.of("problem"):
        why = Text("问题解决之前不评估指标", "what the metrics will say is not judged before the problems are solved")
        report.add("note", "metrics", why)
    else:
        look_ahead(report, city, by, progress)
    return report


def _city(project: Project, read: Inputs, report: Report, progress: Progress) -> City | None:
    """Assemble what could be read; a layer that spoils it is a problem of its own."""
    try:
        with progress.step("assemble the city"):
            return assemble(project, read)
    except SpatialError as error:
        _fault(report, "", error)
        return None


def _fault(report: Report, about: str, error: SpatialError) -> None:
    said = str(error).removeprefix(f"{about}: ")
    report.add("problem", about, Text(said, said))


def _head(report: Report, city: City) -> None:
    report.head += [
        (Text("城市", "city"), Text(city.name, city.name)),
        (Text("坐标系", "CRS"), Text(name_of(city.crs), f"{name_of(city.crs)} ({city.crs.name})")),
        (Text("数据日期", "date of the data"), Text(city.date or "未知", city.date or "unknown")),
    ]
    if city.synthetic:
        report.head.append((Text("合成数据", "synthetic"), Text(city.synthetic, city.synthetic)))
    if city.attribution:
        report.head.append((Text("来源", "source"), Text(city.attribution, city.attribution)))
