"""The folder of a run: written beside, put in place when whole."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from spatial import crs
from spatial.city import City
from spatial.errors import OutputError, sample
from spatial.files import PROBE, atomic_path, staged_folder, tidy, writing
from spatial.outputs.geopackage import write_geopackage
from spatial.outputs.tables import write_tables
from spatial.outputs.webmap import write_map
from spatial.outputs.webmap.beside import extent_in_degrees
from spatial.progress import Progress
from spatial.result import SCHEMA_VERSION, MetricInfo, Results
from spatial.targets.model import STATUSES, Standing

_VERSIONED = (
    "numpy",
    "pandas",
    "shapely",
    "pyproj",
    "geopandas",
    "pyogrio",
    "pyarrow",
    "osmium",
    "rasterio",
    "exactextract",
    "folium",
    "scipy",
)


def target_folder(
    city: City, project: Path, out: Path | None, options: Mapping[str, Any], *, force: bool, kept: Sequence[Path] = ()
) -> Path:
    """Decide where a run goes, before anything is computed.

    Parameters
    ----------
    city
        What is measured; its inputs and date name the folder.
    project
        ``city.toml``.
    out
        ``--out``; ``None`` for ``out/<data date>-<hash of inputs>`` beside ``city.toml``.
    options
        What else the result depends on; ``edition`` is told by the name of the folder, and no edition replaces another.
    force
        Whether an existing folder of another run is replaced whole.
    kept
        Files and folders that are never replaced, whatever ``force`` says: the inputs.

    Returns
    -------
    Path
        The folder; nothing has been made yet.

    Raises
    ------
    OutputError
        The folder is a file, holds something else or an input, or cannot be written.
    """
    if out is None:
        digest = hashlib.sha256(json.dumps([list(map(dict, city.inputs)), dict(options), _version()], sort_keys=True).encode()).hexdigest()[
            :8
        ]
        edition = f"-{options['edition']}" if options.get("edition") else ""
        target = project.resolve().parent / "out" / f"{city.date or 'undated'}-{digest}{edition}"
    else:
        target = out.resolve()
    with writing(target):
        if target.exists() and not target.is_dir():
            raise OutputError(f"{target}: is a file; choose a folder with --out")
        tidy(target.parent)
        if target.is_dir() and any(target.iterdir()):
            _may_replace(target, city, str(options.get("edition", "")), force=force, kept=[project, *kept])
        _probe(next(folder for folder in target.parents if folder.exists()))
    return target


def _probe(folder: Path) -> None:
    """Learn before minutes of measuring whether the place can be written."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".", suffix=PROBE):
        pass


def _may_replace(target: Path, city: City, edition: str, *, force: bool, kept: Sequence[Path]) -> None:
    for path in (*(path.resolve() for path in kept), Path.cwd(), Path.home()):
        if path == target or target in path.parents:
            raise OutputError(f"{target}: holds {path}; it is never replaced; choose a new folder with --out")
    if target.parent == target.parent.parent:
        raise OutputError(f"{target}: is a folder of the system; it is never replaced; choose a new folder with --out")
    if force:
        return
    ours = _run_of(target)
    if ours is None:
        raise OutputError(f"{target}: is not empty and holds no run of spatial; choose a new folder, or --force to replace it whole")
    if ours.get("edition", "") != edition:
        held = f'a run of edition "{ours.get("edition")}"' if ours.get("edition") else "a run that is no edition for the public"
        raise OutputError(f"{target}: holds {held}; choose a new folder with --out, or --force to replace it whole")
    if ours.get("inputs") != [dict(entry) for entry in city.inputs]:
        raise OutputError(f"{target}: holds a run of other inputs; choose a new folder, or --force to replace it whole")
    if others := sorted({path.name for path in target.iterdir()} - set(ours.get("files", ()))):
        raise OutputError(f"{target}: also holds {sample(others)}, which a new run would remove; move it away, or --force to replace all")


def _run_of(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "schema_version" in found else None


def write_run(
    results: Results,
    target: Path,
    options: Mapping[str, Any],
    *,
    force: bool,
    latest: bool,
    progress: Progress,
    standing: Standing | None = None,
) -> list[Path]:
    """Write every output of a run; the folder appears when it is whole.

    Parameters
    ----------
    results
        A measured city.
    target
        From ``target_folder``.
    options
        For ``run.json``.
    force
        Whether whatever stands there by now gives way; otherwise only a run of the same inputs does.
    latest
        Whether ``latest.json`` beside the folder points to it; of an edition, ``latest-EDITION.json``.
    progress
        Steps so far; their cost goes into ``run.json``.
    standing
        How the city stands, where it has plans or a ledger.

    Returns
    -------
    list of Path
        The files, in their final place.

    Raises
    ------
    OutputError
        No space, no permission, or something came to stand there meanwhile; nothing half written is left.
    """
    replace = force or (lambda: _may_replace(target, results.city, results.edition, force=False, kept=()))
    with staged_folder(target, replace=replace) as stage, writing(target):
        with progress.step("write tables"):
            write_tables(results, stage, standing)
        with progress.step("write city.gpkg"):
            write_geopackage(results, stage / "city.gpkg", standing=standing)
        with progress.step("write map.html"):
            write_map(results, stage / "map.html", standing=standing)
        names = sorted([*(path.name for path in stage.iterdir()), "run.json"])
        (stage / "run.json").write_text(_run_json(results, options, progress, names, standing), encoding="utf-8")
    if latest:
        with atomic_path(target.parent / (f"latest-{results.edition}.json" if results.edition else "latest.json")) as part:
            part.write_text(json.dumps({"run": target.name}) + "\n", encoding="utf-8")
    return [target / name for name in names]


def _run_json(results: Results, options: Mapping[str, Any], progress: Progress, names: list[str], standing: Standing | None) -> str:
    city = results.city
    content = {
        "schema_version": SCHEMA_VERSION,
        "city": city.name,
        "synthetic": city.synthetic,
        "date": city.date,
        "crs": crs.name_of(city.crs),
        "attribution": city.attribution,
        "inputs": [dict(entry) for entry in city.inputs],
        **({"edition": results.edition} if results.edition else {}),
        "options": _options(results, options),
        "data_extent": extent_in_degrees(city),
        "layers": {
            name: {"origin": layer.origin, "features": None if layer.frame is None else len(layer.frame), "source": layer.source}
            | {key: value for key, value in layer.options.items() if value}
            for name, layer in city.layers.items()
            if layer.origin != "absent"
        },
        "files": names,
        "metrics": sorted(results.metrics),
        "definitions": {name: _definition(info) for name, info in sorted(results.metrics.items())},
        "areas": len(results.areas),
        "notices": [notice.get(results.lang) for notice in results.notices],
        **(_standing_json(standing, results) if standing else {}),
        "versions": {
            "spatial": _version(),
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in _VERSIONED},
        },
        "cpu_s": round(sum(float(str(step["cpu_s"])) for step in progress.steps), 2),
        **({} if results.edition else {"steps": progress.steps}),  # which name every layer that was read
    }
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _definition(info: MetricInfo) -> str:
    """Return what tells two definitions of a metric apart, so that two runs are held against each other only where they count alike."""
    said = [info.unit, *info.definition, sorted(info.bases.items()), sorted(map(list, info.needs.items()))]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def _options(results: Results, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was asked for; an edition names no metric that it does not hold."""
    if not results.edition or not options.get("metrics"):
        return dict(options)
    return {**options, "metrics": [name for name in options["metrics"] if name in results.metrics]}


def _standing_json(standing: Standing, results: Results) -> dict[str, Any]:
    """Which plans the run was judged by, on which day, and how many targets, tasks and rows left out there are."""
    own = standing.targets[~standing.targets["indicative"].astype(bool)]
    apart = {name: own[(own["strength"] == "stretch") == stretch] for name, stretch in (("targets", False), ("stretch_targets", True))}
    return {
        "plans": {
            name: {"file": plan.file.name, "title": plan.title.get(results.lang), "standing": plan.standing}
            for name, plan in sorted(standing.plans.items())
        },
        "targets_date": standing.date.isoformat(),
        **{
            name: {status: count for status in STATUSES if (count := int((rows["status"] == status).sum()))} for name, rows in apart.items()
        },
        "tasks": {due: int(count) for due, count in sorted(standing.tasks["due"].value_counts().items())},
        "left_out": len(standing.left_out),
    }


def _version() -> str:
    from spatial import __version__

    return __version__
