"""One map page: Leaflet, our own parts and the data, put together so that nothing is asked of a network.

Names and notes are untrusted: they travel as data and reach the page as text only. The page's own policy allows the scripts written here, by
their hash, and no request at all.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import mimetypes
import re
import zlib
from pathlib import Path
from typing import Any

from spatial import __version__, catalogue
from spatial.base_map import BaseMap, base_map_of
from spatial.errors import OptionError, ProjectError
from spatial.files import atomic_path
from spatial.outputs.map_specs import FIRST, OF_TARGETS, MapSpec, map_spec, text_of
from spatial.outputs.release import rules_of
from spatial.outputs.webmap.beside import Beside, read_beside
from spatial.outputs.webmap.figures import metrics_of
from spatial.outputs.webmap.payload import build_payload
from spatial.result import Results
from spatial.targets.model import Standing
from spatial.text import Lang


def write_map(
    results: Results, path: str | Path, standing: Standing | None = None, *, name: str = FIRST, beside: str | Path | None = None
) -> Path:
    """Write one map as an HTML file that makes no request, but for the tiles of a base map where the city's declaration chooses one.

    Parameters
    ----------
    results
        A measured city; the page has both languages and opens in ``results.lang``.
    path
        The file; an older one is replaced when the new one is whole. The same results give the same bytes.
    standing
        How the city stands: its targets appear beside their metrics, its tasks as an overlay; ``None`` for a city without plans.
    name
        Which map, of those that ``maps/`` declares.
    beside
        Folder of another run of the same city; the page can show its figures beside these.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    OptionError
        There is no map of this name, or none of its metrics was measured (says which it needs), or ``beside`` cannot be held against these results.
    SourceError
        The files of ``beside`` are missing or cannot be read.
    OutputError
        The place cannot be written.
    ProjectError
        A declaration or the base map cannot be used, or the shipped declarations or page parts are missing.
    """
    target = Path(path)
    spec = map_spec(name, results.city.folder)
    if not metrics_of(results, spec, standing):
        raise OptionError(f'map "{name}" has nothing to show: {_lack(spec)}')
    other = None if beside is None else read_beside(beside, results)
    page = _page(results, spec, standing, other)
    with atomic_path(target) as part:
        part.write_bytes(page)
    return target


def is_ours(path: Path) -> bool:
    """Whether a file is a map page of this package, by what stands in its head."""
    try:
        with path.open("rb") as file:
            return _GENERATOR.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False


def edition_of(path: Path) -> str:
    """Return of which edition a map page of this package is; empty for an internal one."""
    with path.open("rb") as file:
        found = re.search(re.escape(_EDITION.encode()) + rb"([a-z]+)", file.read(_HEAD_BYTES))
    return found[1].decode() if found else ""


def _lack(spec: MapSpec) -> str:
    if spec.metrics == OF_TARGETS:
        return "no metric was measured that a plan or the ledger of city.toml speaks of; add [plans.…] or [ledger], see docs/targets.md"
    names = ", ".join(spec.metrics) if spec.metrics else "metrics of input layers"
    return f"it shows {names}, and none of them was measured; measure one of them, or change the metrics of {spec.path}"


def _page(results: Results, spec: MapSpec, standing: Standing | None, beside: Beside | None) -> bytes:
    """Put together Leaflet, our page parts and the data; forbid everything else."""
    import folium
    from branca.element import CssLink, Element, Figure, JavascriptLink
    from jinja2 import Template

    class Verbatim(Element):  # type: ignore[misc]
        """Text that is not read as a template: an area may be called ``{{ 7 * 7 }}``."""

        _template = Template("{{ this.text }}")

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    base = base_map_of(results.city.sheet)
    payload, blobs = build_payload(results, spec, standing, beside)
    title = payload["title"][results.lang] if isinstance(payload["title"], dict) else payload["title"]
    folder = catalogue.shipped() / "maps" / "page"
    chart = folium.Map(
        location=None, tiles=None, zoom_control=False, prefer_canvas=True, zoom_snap=0.25, attribution_control=False, max_zoom=19
    )
    chart.default_js, chart.default_css = [], []
    chart._id = "page"
    if results.edition:  # Folium hands its own max_zoom to tile layers alone
        chart.options["maxZoom"] = rules_of(results.city.folder).max_zoom
    figure: Figure = chart.get_root()
    figure.header.add_child(Verbatim(f'<meta http-equiv="Content-Security-Policy" content="{_policy(base)}" />'), index=0, name="policy")
    edition = f'{_EDITION}{results.edition}" />' if results.edition else ""
    figure.header.add_child(Verbatim(f'{_GENERATOR}{__version__}" />{edition}'), index=1, name="generator")
    leaflet = _leaflet()
    for name, link in (("leaflet.css", CssLink("leaflet.css")), ("leaflet.js", JavascriptLink("leaflet.js"))):
        link.code = leaflet[name]
        figure.header.add_child(link, name=name)
    figure.render(embedded=True)
    # Behind the policy, the generator and the charset, which programs look for at the head of a file: a name may be as long as it likes.
    figure.header.add_child(Verbatim(f"<title>{html.escape(f'{results.city.name} · {title}')}</title>"), name="title")
    figure.html.add_child(
        Verbatim(_waiting(results, spec, str(title)) + f"<script>{_inline(_part(folder / 'browser.js'))}</script>"), name="waiting", index=0
    )
    styles, scripts = ("\n".join(_part(folder / name) for name in names) for names in (spec.styles, spec.scripts))
    figure.header.add_child(Verbatim(f"<style>\n{styles}</style>"), name="style")
    for key, blob in {"data": _json(payload), **blobs}.items():
        figure.html.add_child(
            Verbatim(f'<script type="application/octet-stream" id="spatial-{key}">{_squeezed(blob)}</script>'), name=f"spatial-{key}"
        )
    start = f"startPage({chart.get_name()});"
    figure.script.add_child(Verbatim(_inline(f'(() => {{\n"use strict";\n{scripts}\n{start}\n}})();')), name="page")
    page = Element.render(figure, embedded=True)
    page = page.replace("<html>", f'<html lang="{"zh-CN" if results.lang == "zh" else "en"}">', 1).replace("\r", "")
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL))
    return str(page).replace(_policy(base), _policy(base).replace("SCRIPT_HASHES", hashes), 1).encode("utf-8", "replace")


def _waiting(results: Results, spec: MapSpec, title: str) -> str:
    """Return what stands there before the script has built the page, and instead of it where that cannot be."""
    langs: tuple[Lang, Lang] = ("zh", "en") if results.lang == "zh" else ("en", "zh")

    def said(key: str, **attributes: str) -> str:
        more = "".join(f' {name}="{value}"' for name, value in attributes.items())
        lines = "<br />".join(html.escape(text_of(spec.words[key]).get(lang)) for lang in langs)
        return f'<p class="{key.replace("_", "-")}"{more}>{lines}</p>'

    name = html.escape(results.city.name or text_of(spec.words["untitled"]).get(results.lang))
    head = f'<p class="kind">{html.escape(title)}</p><h1 dir="auto">{name}</h1>{said("loading", role="status")}'
    unable = said("old_browser", hidden="hidden", role="alert") + said("broken", hidden="hidden", role="alert")
    silent = f"<noscript><style>.loading {{ display: none }}</style>{said('no_script')}</noscript>"
    return f'<header class="waiting">{head}{unable}{silent}</header>'


_POLICY = "default-src 'none'; script-src SCRIPT_HASHES; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_GENERATOR, _EDITION = '<meta name="generator" content="spatial ', '<meta name="edition" content="'
_HEAD_BYTES = 8_192


def _policy(base: BaseMap | None) -> str:
    """Forbid every request, but for pictures of the servers of a base map."""
    return _POLICY if base is None else _POLICY.replace("img-src data:", " ".join(["img-src data:", *base.origins]))


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "replace")


def _squeezed(data: bytes) -> str:
    """Compress for the page, which inflates it; in base64, so that no HTML parser finds anything in it."""
    return base64.b64encode(zlib.compress(data, 9)).decode()


def _inline(code: str) -> str:
    """Escape what would end a script element."""
    return re.sub(r"<!--", r"<\\!--", re.sub(r"</(?=script)", r"<\\/", code, flags=re.IGNORECASE))


def _part(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ProjectError(f"{path}: a part of the map page is missing; install spatial-planning again") from error


def _leaflet() -> dict[str, str]:
    """Return Leaflet's script and style from the installed package, pictures as data."""
    from xstatic.pkg import leaflet

    base = Path(leaflet.BASE_DIR)

    def picture(match: re.Match[str]) -> str:
        file = base / match[1]
        return f"url(data:{mimetypes.guess_type(file.name)[0]};base64,{base64.b64encode(file.read_bytes()).decode()})"

    style = re.sub(r"url\([\"']?(images/[^)\"']+)[\"']?\)", picture, (base / "leaflet.css").read_text(encoding="utf-8"))
    script = re.sub(r"//# sourceMappingURL=\S+", "", (base / "leaflet.js").read_text(encoding="utf-8"))
    return {"leaflet.css": style, "leaflet.js": _inline(script)}
