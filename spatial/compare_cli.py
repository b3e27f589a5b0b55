"""``spatial compare``: what changed from one run of a city to another, and what only seems to."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spatial.errors import SpatialError, shown
from spatial.text import Lang, Text

if TYPE_CHECKING:
    import pandas as pd

    from spatial.city import City
    from spatial.compare import Run

_HELP = """\
Hold one run of a city against another: every figure before and after, the change where the two can be compared, and why not where they cannot."""
_MORE = """\
A run is a folder of "spatial run", its latest.json, or a city.toml, of which the latest run is taken. Nothing is measured again.

  spatial compare 2019/city.toml 2024/city.toml        the latest runs of two projects of one city
  spatial compare out/2023-04-01-1a2b3c4d out/latest.json --out out/changes

An estimate against a measurement, a figure against none, another unit, scope, definition or outline is no change, and none is shown. Where both
runs still lie beside the city.toml they were made of, their roads are read again, and what is new on the map is told by what speaks for building
and what for mapping: OpenStreetMap grows by mapping. On a map: "spatial map city.toml --beside RUN"."""
_LARGEST = 12


def add_compare(under: Any) -> None:
    """Add ``spatial compare`` to the command line.

    Parameters
    ----------
    under
        The subparsers of ``spatial``.
    """
    parser = under.add_parser(
        "compare", help="hold one run against another: changes, and what cannot be compared", description=_HELP, epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("before", type=Path, metavar="BEFORE", help="the earlier run: its folder, latest.json, or a city.toml")
    parser.add_argument("after", type=Path, metavar="AFTER", help="the later run")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the files (default: changes-BEFORE-AFTER beside the later run)")
    parser.add_argument("--force", action="store_true", help="replace that folder whole, whatever it holds")
    parser.add_argument("--no-roads", action="store_true", help="do not read the roads of both projects again")
    parser.add_argument("--lang", choices=("zh", "en"), help="language of notes and titles (default: zh for a city in China, else en)")
    parser.add_argument("--no-cache", action="store_true", help="do not keep parsed layers beside city.toml")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.set_defaults(command=_compare)


def _compare(args: argparse.Namespace) -> None:
    from spatial.compare import compare_runs, read_run
    from spatial.console import print_lines, table
    from spatial.outputs.changes import changes_view, check_target, head, never_replaced, roads_said, roads_view, titles_of, write_changes

    before, after = read_run(args.before), read_run(args.after)
    target = args.out or after.folder.parent / f"changes-{before.name}-{after.name}"
    check_target(target, force=args.force, kept=never_replaced((before, after), target))
    comparison = compare_runs(before, after)
    lang: Lang = args.lang or _lang_of(after)
    roads, why_not = (None, Text("", "")) if args.no_roads else _roads(args, before, after)
    written = write_changes(comparison, target, lang, roads, force=args.force)
    infos = titles_of(comparison)
    lines = [head(comparison).get(lang), *(notice.get(lang) for notice in comparison.notices)]
    titles = (Text("全市变化最大的", "Largest changes of the city"), Text("各区变化最大的", "Largest changes of areas"))
    for title, city in zip(titles, (True, False), strict=True):
        lines += ["", title.get(lang), *table(changes_view(comparison.largest(city=city, count=_LARGEST), infos, title), lang)]
    if roads is not None:
        view = roads_view(roads)
        lines += ["", view.title.get(lang), *table(view, lang), roads_said(roads).get(lang)]
    elif why_not.en:
        lines += ["", why_not.get(lang)]
    print_lines([*lines, "", str(target), *(f"  {path.name}" for path in written)])


def _lang_of(run: Run) -> Lang:
    """Return the language of the later run's place: Chinese where its CRS is one of China's."""
    import pyproj

    from spatial.crs import parse_crs
    from spatial.errors import CRSError

    try:
        crs: pyproj.CRS = parse_crs(str(run.said.get("crs") or ""), where=str(run.folder))
    except CRSError:
        return "en"
    return "zh" if "CGCS2000" in crs.name else "en"


def _roads(args: argparse.Namespace, before: Run, after: Run) -> tuple[pd.DataFrame | None, Text]:
    """Return the roads of both runs held against each other, or why they are not."""
    from spatial.compare.road_table import road_table, with_earlier_roads

    if _same_roads(before, after):
        return None, Text("两期道路取自同一份数据，未作比对", "the roads of both are of the same data, and are not compared")
    cities = []
    for run in (before, after):
        city, why_not = _city_of(run, args)
        if city is None:
            return None, why_not
        if city.layer("roads").frame is None:
            return None, Text(f"{run.name} 没有道路图层，未比对道路", f"{run.name} has no layer of roads, so that roads are not compared")
        cities.append(city)
    return road_table(with_earlier_roads(cities[1], cities[0])), Text("", "")


def _same_roads(before: Run, after: Run) -> bool:
    files = []
    for run in (before, after):
        inputs = run.said.get("inputs")
        inputs = inputs if isinstance(inputs, list) else []
        files.append({(e.get("layer"), e.get("sha256")) for e in inputs if isinstance(e, dict) and e.get("layer") in ("osm", "roads")})
    return files[0] == files[1]


def _city_of(run: Run, args: argparse.Namespace) -> tuple[City | None, Text]:
    """Open the project that a run was made of, if it is still the same."""
    from spatial.console import clear, draw
    from spatial.progress import Progress
    from spatial.project import open_city

    path = run.project()
    if path is None:
        return None, Text(
            f"未比对道路：{run.name} 旁没有它的 city.toml",
            f"roads are not compared: {run.name} does not lie in the out folder of a project, whose roads could be read",
        )
    progress = Progress(None if args.quiet else draw())
    try:
        city = open_city(path, progress=progress, cache=not args.no_cache)
    except SpatialError as error:
        return None, Text(f"未比对道路：{shown(error, 200)}", f"roads are not compared: {shown(error, 200)}")
    finally:
        clear(progress.draw is not None)
    if [dict(entry) for entry in city.inputs] != run.said.get("inputs"):
        return None, Text(
            f"未比对道路：{path} 或其数据在 {run.name} 之后已改动，请重新测算",
            f"roads are not compared: {path} or its data are others since {run.name}; measure it again",
        )
    return city, Text("", "")
