"""Look at a project before its numbers are used: ``check_project`` gathers every fault and says what each does to the numbers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from spatial.check.content import look_at_contents
from spatial.check.datums import look_at_datums
from spatial.check.hints import hint_of
from spatial.check.outlook import look_ahead
from spatial.check.page import page as page
from spatial.check.report import Report
from spatial.check.supplied import look_at_layers
from spatial.city import City
from spatial.city_toml import Project, parse_project
from spatial.crs import in_china, name_of
from spatial.errors import LayerError, SpatialError
from spatial.ledger.declared import ledger_metrics
from spatial.metrics import registered
from spatial.outputs.map_specs import map_specs
from spatial.progress import Progress
from spatial.project import Inputs, assemble, read_inputs
from spatial.targets.plans import read_plans
from spatial.targets.standing import of_no_metric
from spatial.text import Lang, Text


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
        project.check_areas(by)
        registered(project.path.parent)  # wrong declarations of metrics
        map_specs(project.path.parent)
    except SpatialError as error:
        _fault(report, "city.toml", error)
        return report

    def on_fault(layer: str, error: SpatialError) -> None:
        if "spatial fetch" not in str(error) or not report.of("problem"):  # one cause, however many layers wait for it
            _fault(report, layer, error)

    _plans(report, project)
    read = read_inputs(project, progress=progress, cache=cache, on_fault=on_fault)
    report.lang = _lang(read)
    city = _city(project, read, report, progress)
    if city is None:
        return report
    _head(report, city)
    with progress.step("look at the layers"):
        look_at_layers(report, project, city, read, by)
        look_at_datums(report, project, city, read)
    with progress.step("look at what they hold"):
        look_at_contents(report, city, read, by)
    if city.ledger is not None:
        for text in of_no_metric(city.ledger, ledger_metrics(city.folder)):
            report.add("warning", "ledger", text)
    if report.of("problem"):
        why = Text("问题解决之前不评估指标", "what the metrics will say is not judged before the problems are solved")
        report.add("note", "metrics", why)
    else:
        look_ahead(report, city, by, progress)
    return report


def _plans(report: Report, project: Project) -> None:
    """Read every row of the plans: one that cannot be used stops a run when the judging begins."""
    try:
        read_plans(project, own=project.path.parent)
    except SpatialError as error:
        _fault(report, "plans", error)


def _city(project: Project, read: Inputs, report: Report, progress: Progress) -> City | None:
    """Assemble what could be read; layers that spoil it, such as one in another city, are problems of their own and left out."""
    while True:
        try:
            with progress.step("assemble the city"):
                return assemble(project, read)
        except SpatialError as error:
            spoilt = [name for name in (*read.local, *read.rasters) if any(line.startswith(f"{name}: ") for line in str(error).split("\n"))]
            for name in spoilt:
                lines = [line for line in str(error).split("\n") if line.startswith(f"{name}: ")]
                _fault(report, name, LayerError("\n".join(lines)))
                read.local.pop(name, None)
                read.rasters.pop(name, None)
            if not spoilt:
                if not report.of("problem"):
                    _fault(report, "", error)
                return None


def _lang(read: Inputs) -> Lang:
    """Tell what the city's people read from where its data lie."""
    boxes = [frame.total_bounds for frame in read.frames().values() if len(frame)]
    boxes += [np.array(read.osm.box)] if read.osm and read.osm.box else []
    middle = np.median([[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] for box in boxes], axis=0) if boxes else None
    return "zh" if middle is not None and in_china(float(middle[0]), float(middle[1])) else "en"


def _fault(report: Report, about: str, error: SpatialError) -> None:
    said = str(error).removeprefix(f"{about}: ")
    hint = hint_of(said)
    report.add("problem", about, Text(f"{hint}\n{said}" if hint else said, said))


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
