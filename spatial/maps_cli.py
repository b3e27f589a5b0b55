"""``spatial map``: writes the maps that are declared, measuring only what they show."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spatial.errors import OptionError, OutputError, ProjectError, printable, sample, shown

if TYPE_CHECKING:
    from spatial.city import City
    from spatial.city_toml import Project
    from spatial.outputs.map_specs import MapSpec
    from spatial.result import Results
    from spatial.targets.model import Standing

_HELP = """\
Write maps: one HTML file each, which opens anywhere and asks for nothing. Only what they show is measured."""
_MORE = """\
A map is one TOML in maps/: those that come with spatial, and those in the maps/ folder of the project, which add to them or change them
("spatial list maps"). Without a name every map is written that has something to show; of the others a line says why not.

  spatial map my-city                              all maps, into my-city/out/maps/
  spatial map my-city parks transit --by grid:500  two of them, by cells of 500 m
  spatial map my-city --base-map osm               over tiles of OpenStreetMap, which the reader's browser fetches
  spatial map my-city --base-map tianditu          over Tianditu, with base_map_token = "…" under [map] in city.toml

A page of an earlier call is replaced; any other file is left alone. docs/maps.md tells how to declare a map."""


def add_maps(under: Any) -> None:
    """Add ``spatial map`` to the command line.

    Parameters
    ----------
    under
        The subparsers of ``spatial``.
    """
    parser = under.add_parser(
        "map", help="write the declared maps, or some of them, as pages that open anywhere", description=_HELP, epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("project", type=Path, metavar="city.toml", help="the project file, or its folder")
    parser.add_argument("names", nargs="*", metavar="NAME", help='maps (default: all that have something to show; see "spatial list maps")')
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the pages (default: out/maps beside city.toml)")
    parser.add_argument(
        "--by", metavar="AREAS", default="districts", help="districts (default), grid:500 (cells in metres), or any polygon layer"
    )
    parser.add_argument("--lang", choices=("zh", "en"), help="language that the pages open in (default: zh for a city in China, else en)")
    parser.add_argument(
        "--base-map", metavar="MAP", help="what lies under the maps: none, osm, tianditu, or a template of tiles (default: as in city.toml)"
    )
    parser.add_argument("--beside", type=Path, metavar="RUN", help="the folder of another run of the city, to compare with on the pages")
    parser.add_argument(
        "--edition", metavar="public", help="only what may be given away, generalised, into out/maps-public; refused where that cannot be"
    )
    parser.add_argument("--no-cache", action="store_true", help="do not keep parsed layers beside city.toml")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(command=_map)


def _map(args: argparse.Namespace) -> None:
    from spatial.console import clear, draw
    from spatial.outputs.release import check_edition
    from spatial.progress import Progress

    progress = Progress(None if args.quiet else draw())
    written, why_not = write_maps(
        args.project,
        args.names,
        out=args.out,
        by=args.by,
        lang=args.lang,
        base_map=args.base_map,
        beside=args.beside,
        edition="" if args.edition is None else check_edition(args.edition),
        cache=not args.no_cache,
        progress=progress,
    )
    clear(progress.draw is not None)
    for line in why_not:
        print(f"notice: {printable(line)}", file=sys.stderr)
    print(written[0].parent)
    for path in written:
        print(f"  {path.name}")


def write_maps(
    project: Path,
    names: Sequence[str],
    *,
    out: Path | None,
    by: str,
    lang: Any,
    base_map: str | None,
    cache: bool,
    progress: Any,
    beside: Path | None = None,
    edition: str = "",
) -> tuple[list[Path], list[str]]:
    """Measure what maps show and write them; what ``spatial map`` does.

    Parameters
    ----------
    names
        Maps; none for all that have something to show.
    out
        Their folder; ``None`` for ``out/maps`` beside ``city.toml``.
    base_map
        What lies under them, in place of what ``city.toml`` says.
    beside
        Folder of another run of the city, which the pages compare with.
    edition
        ``public`` for what may be given away; empty for all.

    Returns
    -------
    written, why_not
        The pages, and of each map that was left out what it lacks; of an edition also which pages of an earlier call stand beside.

    Raises
    ------
    OptionError
        There is no map of this name; none of the maps, or a named one, has anything to show; the base map cannot be used.
    OutputError
        A file of another kind stands where a page would, or pages of another edition stand beside.
    SpatialError
        As the inputs are.
    """
    from spatial.city_toml import parse_project
    from spatial.console import clear
    from spatial.files import atomic_path, tidy
    from spatial.measurement import measure
    from spatial.outputs.edition import published
    from spatial.outputs.release import check_edition, released
    from spatial.outputs.webmap import write_map
    from spatial.outputs.webmap.beside import check_beside
    from spatial.project import open_city
    from spatial.targets.standing import check_standing, standing_of

    if edition:
        check_edition(edition)
    project = project / "city.toml" if os.path.isdir(project) else project
    parsed = parse_project(project)
    # Whatever is declared wrongly, of a map, a metric, a plan or the base map, is told before minutes of reading.
    specs = _chosen(names, project.parent)
    lacks = {spec.name: _NO_PLANS for spec in specs if _lacks_plans(spec, parsed)}
    _raise_if_wanted(lacks, specs, names)
    sheet = _sheet(parsed, base_map)
    parsed.check_areas(by)
    metrics = _metrics_needed([spec for spec in specs if spec.name not in lacks], parsed)
    folder = project.resolve().parent / "out" / ("maps-public" if edition else "maps") if out is None else out.resolve()
    places = {spec.name: _place(folder, spec.name) for spec in specs}
    _refuse_other_edition(folder, edition)
    if beside is not None:
        check_beside(beside, edition)
    city = replace(open_city(project, progress=progress, cache=cache), sheet=sheet)
    check_standing(parsed, city)
    if edition:
        released(city, by)  # refused before minutes of measuring
    lang = lang or ("zh" if "CGCS2000" in city.crs.name else "en")
    results = measure(city, _with_something_to_say(metrics, city), by, lang=lang, progress=progress)
    for notice in results.notices:
        clear(progress.draw is not None)
        print(f"notice: {printable(notice.get(lang))}", file=sys.stderr)
    if edition:
        results, standing = published(results, judge=lambda city, made, day: standing_of(parsed, city, made, day=day), progress=progress)
    else:
        with progress.step("judge the targets"):
            standing = standing_of(parsed, city, results)
    lacks |= {spec.name: why for spec in specs if spec.name not in lacks and (why := _lack(results, spec, standing))}
    why_not = _raise_if_wanted(lacks, specs, names)
    tidy(folder)
    written = [places[spec.name] for spec in specs if spec.name not in lacks]
    with contextlib.ExitStack() as whole:  # the pages are put in place together: a failure or an interruption leaves those of the last call
        for spec in specs:
            if spec.name not in lacks:
                with progress.step(f"write {spec.name}.html"):
                    part = whole.enter_context(atomic_path(places[spec.name]))
                    with _told_of(places[spec.name], part):
                        write_map(results, part, standing, name=spec.name, beside=beside)
    if edition and (older := [path.name for path in _pages(folder) if path not in written]):
        why_not.append(f"{folder}: also holds {sample(older)} of an earlier call; remove what must not be given away any more")
    return written, why_not


_NO_PLANS = "there is neither a plan nor a ledger in city.toml; add [plans.…] or [ledger], see docs/targets.md"


def _lacks_plans(spec: MapSpec, parsed: Project) -> bool:
    from spatial.outputs.map_specs import OF_TARGETS

    return spec.metrics == OF_TARGETS and not parsed.planned.plans and parsed.planned.ledger is None


def _raise_if_wanted(lacks: Mapping[str, str], specs: Sequence[MapSpec], names: Sequence[str]) -> list[str]:
    """Say of each map that lacks something what; raise it where the map was asked for by name, or no other is left."""
    why_not = [f"map {name}: {why}" for name, why in lacks.items()]
    if why_not and (names or len(lacks) == len(specs)):
        raise OptionError("\n".join(why_not))
    return why_not


def _chosen(names: Sequence[str], own: Path) -> list[MapSpec]:
    from spatial.outputs.map_specs import map_spec, map_specs

    return [map_spec(name, own) for name in dict.fromkeys(names)] or list(map_specs(own).values())


def _sheet(parsed: Project, base_map: str | None) -> Any:
    from spatial.base_map import base_map_faults

    if base_map is None:
        return parsed.sheet
    sheet = replace(parsed.sheet, base_map=base_map)
    if faults := base_map_faults(sheet, "--base-map"):
        raise OptionError("\n".join(faults))
    return sheet


def _place(folder: Path, name: str) -> Path:
    """Say where a map goes, before anything is measured; never over a file that is no map of ours."""
    from spatial.outputs.webmap import is_ours

    path = folder / f"{name}.html"
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: is a file; choose a folder with --out")
    if os.path.lexists(path) and not (path.is_file() and not path.is_symlink() and is_ours(path)):
        raise OutputError(f"{path}: is no map of spatial and is not replaced; move it away, or choose another folder with --out")
    return path


@contextlib.contextmanager
def _told_of(place: Path, part: Path) -> Iterator[None]:
    """Tell a failure of the place that people know, not of the file that is written for it."""
    try:
        yield
    except OutputError as error:
        raise OutputError(str(error).replace(str(part), str(place))) from error


def _pages(folder: Path) -> list[Path]:
    """List the pages of ours in a folder."""
    from spatial.outputs.webmap import is_ours

    return sorted(path for path in folder.glob("*.html") if path.is_file() and is_ours(path))


def _refuse_other_edition(folder: Path, edition: str) -> None:
    """Keep pages for the public and others apart: a folder is handed on whole."""
    from spatial.outputs.webmap import edition_of

    if others := [path.name for path in _pages(folder) if edition_of(path) != edition]:
        held = "pages of the public edition" if not edition else "pages that are no edition for the public"
        raise OutputError(f"{folder}: holds {held} ({sample(others)}); choose another folder with --out, or move them away")


def _metrics_needed(specs: Sequence[MapSpec], parsed: Project) -> list[str] | None:
    """List the metrics that maps show, and those whose evidence they draw; ``None`` for all."""
    from spatial.metrics import find, registered
    from spatial.outputs.map_specs import OF_TARGETS
    from spatial.targets.standing import metrics_needed, plans_of

    own = parsed.path.parent
    known = registered(own)
    targets = plans_of(parsed)[1] if parsed.planned.plans else []
    wanted = dict.fromkeys(metrics_needed(targets, known))  # without them no target can be judged
    for spec in specs:
        if spec.metrics == OF_TARGETS:
            wanted |= dict.fromkeys(metrics_needed(targets, known, ("metric", "ledger", "statistic")))
            wanted |= dict.fromkeys(name for name, metric in known.items() if metric.source == "ledger" and parsed.planned.ledger)
            continue
        try:
            wanted |= dict.fromkeys(metric.name for metric in find(spec.metrics or (), own))
        except OptionError as error:
            raise ProjectError(f"{spec.path}: metrics: {error}") from error
        wanted |= dict.fromkeys(name for name in spec.evidence_metrics() if name in known)
    return None if any(spec.metrics is None for spec in specs) else [name for name in known if name in wanted]


def _with_something_to_say(names: Sequence[str] | None, city: City) -> list[str] | None:
    """Leave out ledger metrics and statistics of which the city has no word, unless nothing else is asked for."""
    from spatial.measurement import has_something_to_say
    from spatial.metrics import find

    if names is None:
        return None
    chosen = [metric.name for metric in find(names, city.folder) if has_something_to_say(metric, city)]
    return chosen or list(names)


def _lack(results: Results, spec: MapSpec, standing: Standing | None) -> str:
    """Say why a map has nothing to show; empty where it has something."""
    from spatial.outputs.webmap import metrics_of

    shown_here = metrics_of(results, spec, standing)
    if not shown_here:
        return "none of its metrics was measured" + (f" ({', '.join(spec.metrics)})" if isinstance(spec.metrics, tuple) else "")
    rows = results.table[results.table["metric"].isin(list(shown_here))]
    if (rows["status"] != "no_data").any():
        return ""
    reasons = dict.fromkeys(str(note) for note in rows.loc[rows["area_id"] == "city", "note"] if note)
    return f"no value in any area of {', '.join(shown_here)}: {shown('; '.join(reasons) or 'nothing says why', 300)}"
