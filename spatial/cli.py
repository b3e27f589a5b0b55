"""The command line: thin commands over the package."""

from __future__ import annotations

import argparse
import gc
import io
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from spatial import __version__
from spatial.compare_cli import add_compare
from spatial.errors import OptionError, OutputError, SpatialError, printable, shown
from spatial.maps_cli import add_maps
from spatial.siting_cli import add_sites
from spatial.targets_cli.parser import add_targets

PROBLEMS_FOUND = 3

_CITY_TOML = """\
# What this city is made of. Paths are relative to this file. Every key: "spatial explain city.toml".
name = "My city"
crs = "auto"                             # or "EPSG:4551"
# date = "2024-04-09"                    # default: the extract's newest edit
# data_extent = [125.1, 43.7, 125.5, 44] # west, south, east, north in degrees; default: the extract's own box

# OpenStreetMap data © OpenStreetMap contributors, ODbL. Without [osm] only local layers are used.
# [osm]
# file = "data/city.osm.pbf"             # or, with internet, place = "Changchun, China" and "spatial fetch"

# The areas to report by: any polygons.
# [layers.districts]
# file = "data/districts.geojson"
# id = "adcode"                          # optional, as name is
# name = "name"
# datum = "gcj02"                        # wgs84 (default), gcj02, bd09, cgcs2000

# [layers.boundary]                      # the city total; default: the union of the districts
# file = "data/boundary.geojson"

# [layers.parks]                         # a local layer in place of OSM's, or beside it with merge = "union"
# file = "data/parcels.shp"
# where = "Level2_cn = '公园与绿地用地'"

# [layers.landuse]                       # residential, commercial, retail, industrial, education … as in OpenStreetMap
# file = "data/parcels.shp"
# fields = { landuse = "Level2_cn" }
# values = { landuse = { "居住用地" = "residential", "工业用地" = "industrial", "商业服务用地" = "commercial" } }
# source = "survey of 2018"
# on_invalid = "repair"                  # error (default), repair, drop

# [layers.population]
# file = "data/population.tif"           # or polygons or points with field = "pop"; or total = 600000 without a file

# [scopes]
# built_up_area = "built_up_area"        # a layer's name; absent = estimated

# What the city promised: "spatial targets status". One of the shipped plans by its name, or your own as a CSV.
# [plans.changchun-action-plan-2023-2025]
# [plans.our-plan]
# file = "data/plan.csv"

# [ledger]                               # tasks and projects: GeoPackage, CSV or XLSX
# file = "data/ledger.xlsx"
# date = "2025-06-30"                    # the day to which it speaks
# fields = { id = "编号", name = "名称", type = "类别", status = "进展", status_date = "进展日期", district = "所在区" }

# [map]                                  # what stands on every map, and what lies under it: "spatial map"
# issuing_unit = "规划院"
# base_map = "tianditu"                  # none (default), osm, tianditu, or "https://…/{z}/{x}/{y}.png"
# base_map_token = "0123456789abcdef"     # your own

# [statistics]                           # area, metric, series, year, value, unit, source
# file = "data/statistics.csv"
"""


_FETCH_HELP = """\
Get the OpenStreetMap data of the place that city.toml names, and keep them as one file in data/.
This is the only command that uses the internet; every other one works without."""
_FETCH_MORE = """\
In city.toml, either the name of a place, as a map search would find it, or a file with the city's outline:

  [osm]
  place = "Changchun, China"           # or: polygon = "data/outline.geojson"
  date = "2024-04-09"                  # optional: the map as it was on that day

Then "spatial fetch city.toml" once and "spatial run city.toml" as often as you like. A fetch that was interrupted goes on where it
stopped when the command is given again. Without internet, get an extract (.osm.pbf) from a colleague or an extract service, put it
into data/ and write file = "data/city.osm.pbf" in [osm] instead. Data © OpenStreetMap contributors, ODbL 1.0: say so wherever they show."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv
        Arguments; ``None`` for those of the process.

    Returns
    -------
    int
        0 when everything asked for was done; 2 wrong option or project file, 3 unusable input or a problem that ``check`` found, 4 output
        cannot be written, 5 map data cannot be fetched, 70 a fault of this program, 130 interrupted.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a console that cannot show Chinese is no reason to fail
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupted)
    gc.set_threshold(100_000, 20, 100)  # millions of small objects and hardly a circle: looking for circles cost 6 % of a run
    try:
        command: Callable[[argparse.Namespace], int | None] = args.command
        code = command(args) or 0
        sys.stdout.flush()
    except SpatialError as error:
        print(f"error: {printable(error)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted; nothing half written is left", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        print("error: not enough memory; take a smaller extract, or fewer areas", file=sys.stderr)
        return 1
    except Exception as error:
        print(f"error: {_fault(error)}; this is a fault of spatial, nothing half written is left; please report it", file=sys.stderr)
        return 70
    return code


def _fault(error: Exception) -> str:
    """Name an error that nobody foresaw, with the place in our code."""
    import traceback

    package = Path(__file__).parent
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if package in Path(frame.filename).parents]
    place = f" at spatial/{Path(frames[-1].filename).relative_to(package)}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {shown(error, 200)}{place}"


def _interrupted(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="spatial", description="Planning metrics for every district, from OpenStreetMap and local layers, offline."
    )
    parser.add_argument("--version", action="version", version=f"spatial {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="measure a city and write tables, GeoPackage and map")
    run.add_argument("project", type=Path, metavar="city.toml", help="the project file, or its folder")
    _run_options(run)
    run.set_defaults(command=_run)

    add_maps(commands)

    add_compare(commands)

    check = commands.add_parser("check", help="look at a project before its numbers are used: problems, layers, what each metric will lack")
    check.add_argument("project", type=Path, metavar="city.toml", help="the project file, or its folder")
    check.add_argument("--by", metavar="AREAS", default="districts", help="areas to report by, as for run")
    check.add_argument("--lang", choices=("zh", "en"), help="language of the page (default: zh for a city in China, else en)")
    check.add_argument("--json", action="store_true", help="print JSON instead of the page")
    check.add_argument("--repair", action="store_true", help="write repaired copies of local layers and a list of what was changed")
    check.add_argument("--out", type=Path, metavar="DIR", help="folder of the repaired copies (default: out/repaired beside city.toml)")
    check.add_argument("--no-cache", action="store_true", help="do not keep parsed layers beside city.toml")
    check.add_argument("--quiet", action="store_true", help="show no progress")
    check.set_defaults(command=_check)

    fetch = commands.add_parser(
        "fetch",
        help="get the OpenStreetMap data of a place, once, with internet",
        description=_FETCH_HELP,
        epilog=_FETCH_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fetch.add_argument("project", type=Path, metavar="city.toml", help="the project file, or its folder")
    fetch.add_argument("--again", action="store_true", help="get newer data in place of the file that is there, which stays until then")
    fetch.add_argument("--quiet", action="store_true", help="show no progress")
    fetch.set_defaults(command=_fetch)

    demo = commands.add_parser("demo", help="copy the synthetic demo city to a folder and run it")
    demo.add_argument("folder", type=Path, nargs="?", default=Path("spatial-demo"), help="new folder (default: spatial-demo)")
    demo.add_argument("--lang", choices=("zh", "en"), default="en", help="language of notes and titles")
    demo.set_defaults(command=_demo)

    listing = commands.add_parser("list", help="list metrics, layers and their fields, or maps")
    listing.add_argument(
        "what", nargs="?", choices=("metrics", "layers", "maps"), default="metrics", help="what to list (default: metrics)"
    )
    listing.add_argument("--lang", choices=("zh", "en"), default="en", help="language of titles (default: en)")
    listing.set_defaults(command=_list)

    add_targets(commands)
    add_sites(commands)

    explain = commands.add_parser("explain", help="say what a metric means and needs, or what every key of city.toml does")
    explain.add_argument("metric", metavar="METRIC", help='a name of "spatial list", or city.toml')
    explain.add_argument("--lang", choices=("zh", "en"), default="en", help="language of the explanation (default: en)")
    explain.set_defaults(command=_explain)

    init = commands.add_parser("init", help="make a project folder with a commented city.toml")
    init.add_argument("folder", type=Path, metavar="DIR", help="new folder, or one without a city.toml")
    init.set_defaults(command=_init)
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="output folder, new or empty or of the same inputs (default: out/<data date>-<hash>)"
    )
    parser.add_argument("--force", action="store_true", help="replace the output folder whole, whatever it holds")
    parser.add_argument("--metrics", metavar="a,b", help='metrics, separated by commas (default: all; see "spatial list")')
    parser.add_argument(
        "--by", metavar="AREAS", default="districts", help="districts (default), grid:500 (cells in metres), or any polygon layer"
    )
    parser.add_argument(
        "--edition",
        metavar="public",
        help="write only what may be given away, generalised; refused where that cannot be (docs/editions.md)",
    )
    parser.add_argument("--lang", choices=("zh", "en"), help="language of notes, titles and map (default: zh for a city in China, else en)")
    parser.add_argument("--no-cache", action="store_true", help="do not keep parsed layers beside city.toml")
    parser.add_argument("--quiet", action="store_true", help="show no progress")


def _run(args: argparse.Namespace) -> None:
    from spatial.console import clear, draw
    from spatial.outputs.release import check_edition
    from spatial.progress import Progress

    names = [name.strip() for name in args.metrics.split(",") if name.strip()] if args.metrics is not None else None
    if names == []:
        raise OptionError('--metrics names no metric; "spatial list" shows all')
    progress = Progress(None if args.quiet else draw())
    written = run_project(
        args.project, out=args.out, force=args.force, metrics=names, by=args.by, lang=args.lang, cache=not args.no_cache, progress=progress,
        edition="" if args.edition is None else check_edition(args.edition),
    )  # fmt: skip
    clear(progress.draw is not None)
    print(written[0].parent)
    for path in written:
        print(f"  {path.name}")


def run_project(
    project: Path, *, out: Path | None, force: bool, metrics: list[str] | None, by: str, lang: Any, cache: bool, progress: Any,
    edition: str = "",
) -> list[Path]:  # fmt: skip
    """Measure a project and write its outputs; what ``spatial run`` does.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    SpatialError
        As the inputs and the output folder are.
    """
    from spatial.city_toml import parse_project
    from spatial.console import clear
    from spatial.measurement import measure
    from spatial.metrics import find, registered
    from spatial.outputs.folder import target_folder, write_run
    from spatial.outputs.map_specs import map_specs
    from spatial.outputs.release import check_edition, released
    from spatial.project import open_city
    from spatial.targets.standing import check_standing, plans_of, standing_of

    if edition:
        check_edition(edition)
    project = project / "city.toml" if os.path.isdir(project) else project
    parsed = parse_project(project)
    # A misspelt metric, or a wrong declaration of one, of a map or of a plan, is told before minutes of reading.
    if metrics:
        find(metrics, project.parent)
    else:
        registered(project.parent)
    map_specs(project.parent)
    parsed.check_areas(by)
    if parsed.planned.plans:
        plans_of(parsed)
    kept = parsed.paths()
    city = open_city(project, progress=progress, cache=cache)
    check_standing(parsed, city)
    lang = lang or ("zh" if "CGCS2000" in city.crs.name else "en")
    options = {"metrics": metrics, "by": by, "lang": lang, **({"edition": edition} if edition else {})}
    target = target_folder(released(city, by) if edition else city, project, out, options, force=force, kept=kept)
    results = measure(city, metrics, by, lang=lang, progress=progress)
    for notice in results.notices:
        clear(progress.draw is not None)
        print(f"notice: {printable(notice.get(lang))}", file=sys.stderr)
    if edition:
        from spatial.outputs.edition import published

        results, standing = published(results, judge=lambda city, made, day: standing_of(parsed, city, made, day=day), progress=progress)
    else:
        with progress.step("judge the targets"):
            standing = standing_of(parsed, city, results)
    return write_run(results, target, options, force=force, latest=out is None, progress=progress, standing=standing)


def _check(args: argparse.Namespace) -> int:
    from spatial.check import check_project, page
    from spatial.console import clear, draw
    from spatial.progress import Progress

    if args.out and not args.repair:
        raise OptionError("--out says where repaired copies go; it stands with --repair only")
    progress = Progress(None if args.quiet else draw())
    report = check_project(args.project, by=args.by, progress=progress, cache=not args.no_cache)
    clear(progress.draw is not None)
    lang = args.lang or report.lang
    print(report.to_json(lang) if args.json else page(report, lang))
    if args.repair:
        _repair(args, lang)
    return PROBLEMS_FOUND if report.of("problem") else 0


def _fetch(args: argparse.Namespace) -> None:
    from spatial.console import clear, draw
    from spatial.fetch import fetch_osm
    from spatial.progress import Progress
    from spatial.sources.overpass import LICENCE

    progress = Progress(None if args.quiet else draw())
    try:
        done = fetch_osm(args.project, again=args.again, progress=progress)
    finally:
        clear(progress.draw is not None)
    for said in done.said:
        print(said)
    west, south, east, north = done.box
    print(f"{done.path}: {'fetched' if done.new else 'is there already, nobody was asked; --again gets newer data'}")
    print(f"  {west:.4f}–{east:.4f} E, {south:.4f}–{north:.4f} N; outline in {done.outline}; {LICENCE}")


def _repair(args: argparse.Namespace, lang: Any) -> None:
    """Write repaired copies; what was done goes to the error stream, so that JSON stays JSON."""
    from spatial.check.repair import repair_project
    from spatial.text import Text

    done = repair_project(args.project, args.out)
    said = [Text(f"{name}：修改 {count} 处", f"{name}: {count} change{'' if count == 1 else 's'}") for name, count in done.changes.items()]
    said = said or [Text("没有可修复的几何", "no geometry to repair")]
    said += [Text(f"未修复：{line}", f"not repaired: {line}") for line in done.left]
    if done.lines:
        said.append(Text(f"输入文件未改动；若要使用 {done.folder} 中的副本，请修改 city.toml：",
                         f"the inputs are as they were; to use the copies in {done.folder}, change city.toml:"))  # fmt: skip
        said += [line.text() for line in done.lines]
    said.append(Text(f"{done.folder / 'changes.csv'}：修改清单", f"{done.folder / 'changes.csv'}: what was changed"))
    print("\n".join(["", *(printable(text.get(lang)) for text in said)]), file=sys.stderr)


def _demo(args: argparse.Namespace) -> None:
    from spatial.catalogue import shipped
    from spatial.console import clear, draw
    from spatial.files import staged_folder
    from spatial.progress import Progress

    folder = args.folder.resolve()
    if not (folder / "city.toml").is_file():
        with staged_folder(folder) as stage:
            shutil.copytree(shipped() / "data" / "demo", stage, dirs_exist_ok=True)
    print("A synthetic city: made-up streets and people, for looking at what comes out.")
    written = run_project(
        folder, out=None, force=False, metrics=None, by="districts", lang=args.lang, cache=True, progress=Progress(draw())
    )
    clear(drawn=True)
    for path in written:
        print(path)


def _list(args: argparse.Namespace) -> None:
    from spatial.units import unit_of

    if args.what == "layers":
        from spatial.layers import layer_specs

        for spec in layer_specs().values():
            print(f"{spec.name:<16} {spec.title.get(args.lang)} ({spec.geometry}{', from OSM' if spec.osm else ''})")
            for field in spec.fields.values():
                if field.type != "ids":
                    print(f"    {field.name:<18} {field.title.get(args.lang)}{' *' if field.required else ''}")
        return
    if args.what == "maps":
        from spatial.outputs.map_specs import map_specs

        for map_spec in map_specs(_own()).values():
            print(f"{map_spec.name:<16} {map_spec.title.get(args.lang)}")
            if said := map_spec.description.get(args.lang):
                print(f"    {said}")
        return
    from spatial.metrics import registered

    for metric in registered(_own()).values():
        label = unit_of(metric.unit).label.get(args.lang)
        print(f"{metric.name:<30} {metric.title.get(args.lang)}{f' ({label})' if label else ''}")


def _own() -> Path | None:
    """Return the folder that the command is given in, where it is a project: its own metrics are listed and explained too."""
    return Path.cwd() if Path("city.toml").is_file() else None


def _explain(args: argparse.Namespace) -> None:
    from spatial.metrics import find
    from spatial.metrics.registry import SCOPES
    from spatial.units import unit_of

    if args.metric == "city.toml":
        from spatial.catalogue import shipped

        print((shipped() / "docs" / "city-toml.md").read_text(encoding="utf-8"), end="")
        return
    (metric,) = find([args.metric], _own())
    zh = args.lang == "zh"
    label = unit_of(metric.unit).label.get(args.lang)
    lines = [
        (metric.name, metric.title.get(args.lang)),
        ("定义" if zh else "what it means", metric.definition.get(args.lang)),
        ("依据" if zh else "standard", metric.standard.get(args.lang)),
        ("单位" if zh else "unit", label or "—"),
        ("范围" if zh else "scope", SCOPES[metric.scope].get(args.lang)),
        ("所需图层" if zh else "needs", ", ".join(metric.needs_of(next(iter(metric.variants)))) or "—"),
    ]
    for text, meaning in lines:
        print(f"{text}: {meaning}")
    for name, title in metric.variants.items():
        if name:
            print(f"  {name}: {title.get(args.lang)}")


def _init(args: argparse.Namespace) -> None:
    from spatial.files import atomic_path, writing

    folder: Path = args.folder
    elsewhere = "name another folder"
    with writing(folder, elsewhere):
        if (folder / "city.toml").exists():
            raise OutputError(f"{folder / 'city.toml'}: exists already; nothing was changed")
        for name in ("data", "layers", "maps", "out"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        with atomic_path(folder / "city.toml", elsewhere) as part:
            part.write_text(_CITY_TOML, encoding="utf-8")
    print(f'{folder / "city.toml"}: put your files into {folder / "data"}, name them there, then "spatial run {folder}"')


if __name__ == "__main__":
    sys.exit(main())
