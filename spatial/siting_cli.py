"""``spatial site``: chooses what to build next, all sites together, and writes them."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from spatial.errors import OptionError, printable
from spatial.text import Lang, Text

_HELP = """\
Say where to build next. Sites are chosen together, since what one brings depends on the others."""
_DEAD_ENDS = """\
Choose links that open dead-end roads (打通断头路): for every suspected or confirmed dead end in the built-up area a candidate link, and of these the
ones that together save residents the most way. Each link is chosen for what it adds on the network with those before it."""
_MORE = """\
  spatial site dead-ends my-city                 thirty links, into my-city/out/sites/dead-ends/
  spatial site dead-ends my-city -n 10 --avoid rail,water --lang zh

The folder holds links.csv, links.geojson, links.gpkg with its project for QGIS, map.html and sites.json (method, bound, inputs); what an earlier call
wrote there is replaced when the new is whole. Links are straight, or along planned roads (layer planned_roads): they show where, and are no design."""


def add_sites(under: Any) -> None:
    """Add ``spatial site`` to the command line.

    Parameters
    ----------
    under
        The subparsers of ``spatial``.
    """
    parser = under.add_parser("site", help="say where to build next: which dead ends to open", description=_HELP)
    below = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    ends = below.add_parser(
        "dead-ends", help="links that open dead-end roads", description=_DEAD_ENDS, epilog=_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    ends.add_argument("project", type=Path, metavar="city.toml", help="the project file, or its folder")
    ends.add_argument("-n", type=int, default=30, metavar="COUNT", dest="count", help="how many links (default: 30)")
    ends.add_argument(
        "--by", metavar="AREAS", default="districts", help="areas to name links by: districts (default), or any polygon layer"
    )
    ends.add_argument("--avoid", metavar="a,b", help="what no link may cross: buildings, water, rail")
    ends.add_argument("--out", type=Path, metavar="DIR", help="output folder (default: out/sites/dead-ends beside city.toml)")
    ends.add_argument("--lang", choices=("zh", "en"), help="language of the list and the map (default: zh for a city in China, else en)")
    ends.add_argument("--no-cache", action="store_true", help="do not keep parsed layers beside city.toml")
    ends.add_argument("--quiet", action="store_true", help="show no progress")
    ends.set_defaults(command=_dead_ends)


def _dead_ends(args: argparse.Namespace) -> None:
    from spatial.city_toml import parse_project
    from spatial.console import clear, draw, say
    from spatial.measurement import measure
    from spatial.outputs.sites import check_openly_drawn, links_view, sites_folder, write_links
    from spatial.progress import Progress
    from spatial.project import open_city
    from spatial.siting import choose_links
    from spatial.siting.link_choice import METRIC, check_avoided

    if args.count < 1:
        raise OptionError(f"-n {args.count}: choose at least 1 link")
    avoid = [name.strip() for name in (args.avoid or "").split(",") if name.strip()]
    check_avoided(avoid)
    project = args.project / "city.toml" if os.path.isdir(args.project) else args.project
    parsed = parse_project(project)
    parsed.check_areas(args.by)
    target = sites_folder(args.out or project.resolve().parent / "out" / "sites" / "dead-ends")
    progress = Progress(None if args.quiet else draw())
    city = open_city(project, progress=progress, cache=not args.no_cache)
    lang: Lang = args.lang or ("zh" if "CGCS2000" in city.crs.name else "en")
    check_openly_drawn(city)
    with progress.step("choose links"):
        chosen = choose_links(city, args.count, args.by, avoid=avoid)
    results = measure(city, METRIC, args.by, lang=lang, progress=progress)
    written = write_links(chosen, results, target, {"n": args.count, "by": args.by, "avoid": avoid, "lang": lang}, progress=progress)
    clear(progress.draw is not None)
    for notice in results.notices:
        print(f"notice: {printable(notice.get(lang))}", file=sys.stderr)
    share = chosen.saved_km / chosen.all_km if chosen.all_km > 0 else 0.0
    unit = Text("人·公里", "person-km") if chosen.people else Text("公里", "km")
    total = Text(
        f"{len(chosen.links)} 条连接线（候选 {chosen.candidates} 条，断头路 {chosen.dead_ends} 处）共节省 {chosen.saved_km:,.0f} {unit.zh}，为全部候选的 {share:.0%}",
        f"{len(chosen.links)} links of {chosen.candidates} candidates for {chosen.dead_ends} dead ends save {chosen.saved_km:,.0f} {unit.en}, {share:.0%} of what all would",
    )
    head = " · ".join(part for part in (city.name, city.date, city.synthetic) if part)
    say("text", lang, head, [links_view(chosen)], [total, *chosen.notes], {})
    print(target)
    for path in written:
        print(f"  {path.name}")
