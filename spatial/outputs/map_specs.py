"""What each map shows: ``maps/*.toml``, joined with the layers, words and parts that all maps share, and checked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spatial import catalogue
from spatial.errors import Faults, OptionError, ProjectError, nearest, shown
from spatial.layers import style_faults
from spatial.outputs.classes import QUANTILES, Classing, classing_faults
from spatial.text import Lang, Text

TASKS = "tasks"  # the one source that is no layer and no evidence: the ledger's records
FIRST = "overview"  # the map that a run writes
_PAGE, _OVERLAYS = "page/page.toml", "page/overlays.toml"
_REST = "ground"  # the group of an overlay that names none
OF_TARGETS = "targets"  # in place of a list: the metrics that the city's plans want something of, and those of its ledger
EVERY = "every"  # of a table by metric: all that it does not name
SHOWS = ("usable", "quality", "coverage")

# What a map may say, and what of a wrong type.
_KEYS: Mapping[str, tuple[type, ...]] = {
    "title": (dict,), "description": (dict,), "metrics": (list, str), "shows": (dict,), "opens_with": (str,), "layers": (list,), "shown": (list,), "overlays": (dict,),
    "classes": (dict,), "themes": (list,), "groups": (dict,), "words": (dict,), "view": (str, list), "what_if": (list,),
}  # fmt: skip
# What a key of an overlay holds; more is said at the head of maps/page/overlays.toml.
_OVERLAY_KEYS: Mapping[str, tuple[type, ...]] = {
    "layer": (str,), "evidence": (str, list), "service_area": (dict,), "title": (dict,), "style": (dict,), "group": (str,), "fades": (bool,),
    "dissolve": (bool,), "together": (bool,), "facts": (list,), "numbered": (str,), "by": (str,), "kinds": (dict, list), "major": (dict,),
    "weights": (dict,), "source": (str,), "limit": (int,), "numbers": (int,), "simplify_m": (int, float), "shown": (bool,), "labelled": (str,),
    "values": (dict,), "from_zoom": (int,),
}  # fmt: skip
_WORDS: Mapping[type, str] = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}


@dataclass(frozen=True, eq=False)
class MapSpec:
    """One declared map.

    Attributes
    ----------
    name
        The stem of its file.
    metrics
        Names of the metrics that can be chosen; ``None`` for all that were measured, ``"targets"`` for those that plans or the ledger speak of.
    shows
        Which figures of a metric colour the areas, by metric and under ``"every"``: its ``value``, the ``quality`` (share that was measured),
        the ``coverage`` by the data. ``usable`` adds one metric that counts, by area, how many others can be used.
    opens_with
        Metric, or ``metric/variant``.
    themes
        How metrics are listed: tables with ``title`` and ``metrics`` or ``source``.
    classing
        How values are classed, by metric; under ``""`` for all others.
    overlays
        What can be drawn over the areas, by name, the undermost first; each with ``style`` and ``group``.
    shown
        Names of the overlays it opens with.
    groups
        Titles of the groups of overlays, in the order of the panel.
    words
        Texts of the page by key; tools have tables of their own.
    view
        ``"areas"``, ``"data"`` (what the data cover) or west, south, east, north in degrees.
    what_if
        Facility classes, or ``"park"``, that a reader may drop on the map.
    styles, scripts
        Parts of the page.
    path
        The file that declares it, for messages.
    """

    name: str
    title: Text
    description: Text
    metrics: tuple[str, ...] | str | None
    opens_with: str
    themes: tuple[Mapping[str, Any], ...]
    classing: Mapping[str, Classing]
    overlays: Mapping[str, Mapping[str, Any]]
    shown: frozenset[str]
    groups: Mapping[str, Text]
    words: Mapping[str, Any]
    view: str | tuple[float, float, float, float] = "areas"
    what_if: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    path: str = ""
    own_overlays: frozenset[str] = field(default_factory=frozenset)
    shows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def has_usable(self) -> bool:
        """Whether the map counts the metrics that can be used."""
        return any("usable" in columns for columns in self.shows.values())

    def shows_of(self, metric: str) -> tuple[str, ...]:
        """Return which figures of a metric colour the areas."""
        return tuple(each for each in self.shows.get(metric, self.shows.get(EVERY, ("value",))) if each != "usable")

    def evidence_metrics(self) -> tuple[str, ...]:
        """Return the metrics whose evidence can be drawn on this map, each once."""
        keys = [overlay["evidence"] for overlay in self.overlays.values() if "evidence" in overlay]
        return tuple(dict.fromkeys(key.partition(".")[0] for each in keys for key in ([each] if isinstance(each, str) else each)))

    def classing_of(self, metric: str) -> Classing:
        """Return how the values of a metric are classed on this map."""
        return self.classing.get(metric, self.classing[""])

    def words_in(self, lang: Lang) -> dict[str, Any]:
        """Return the words of the page in one language, tables of tools included."""
        return {key: _said(word, lang) for key, word in self.words.items()}


def _said(word: Any, lang: Lang) -> Any:
    return text_of(word).get(lang) if is_text(word) else {key: _said(inner, lang) for key, inner in word.items()}


def map_specs(own: Path | None) -> dict[str, MapSpec]:
    """Read every map, shipped and the project's own, which adds to them or changes them key by key.

    Parameters
    ----------
    own
        The project's folder; ``None`` for what is shipped.

    Returns
    -------
    dict
        By name, the overview first, then by name.

    Raises
    ------
    ProjectError
        A declaration cannot be used; all faults of all maps at once.
    """
    page, library = (catalogue.read_toml(catalogue.shipped() / "maps" / name) for name in (_PAGE, _OVERLAYS))
    shipped = catalogue.declarations("maps")
    declared = catalogue.declarations("maps", own, deep=True)
    faults = Faults(ProjectError)
    found = {}
    for name in sorted(declared, key=lambda name: (name != FIRST, name)):
        messages = _faults(declared[name], page, library["overlays"])
        if not re.fullmatch(r"[\w-]+", name):  # it is the name of a page, and of an answer of the command line
            messages.append(
                f"{declared[name].get('__path__', 'maps')}: the name of a map has letters, digits, _ and - only; rename the file"
            )
        for message in messages:
            faults.add(message)
        if not messages:
            found[name] = _spec(name, declared[name], page, library["overlays"], shipped.get(name, {}))
    faults.raise_if_any()
    return found


def map_spec(name: str, own: Path | None) -> MapSpec:
    """Read one map.

    Raises
    ------
    OptionError
        There is no map of this name.
    ProjectError
        A declaration cannot be used.
    """
    known = map_specs(own)
    if name not in known:
        raise OptionError(f'there is no map "{shown(name)}"{nearest(name, known)}; known: {", ".join(known)}')
    return known[name]


def _spec(name: str, raw: Mapping[str, Any], page: Mapping[str, Any], library: Mapping[str, Any], shipped: Mapping[str, Any]) -> MapSpec:
    own = raw.get("overlays", {})
    offered = raw.get("layers")
    overlays = {
        key: catalogue.merged(library.get(key, {}), own.get(key, {})) for key in [*library, *(key for key in own if key not in library)]
    }
    kept = {key: {"group": _REST, **overlay} for key, overlay in overlays.items() if offered is None or key in offered or key in own}
    opened = {key for key, overlay in kept.items() if overlay.get("shown", key in raw.get("shown", ()))}
    rules = raw.get("classes", {})
    general = {key: value for key, value in rules.items() if not isinstance(value, dict)}
    classing = {key: Classing.of(_rule(general, rule)) for key, rule in rules.items() if isinstance(rule, dict)}
    view = raw.get("view", "areas")
    return MapSpec(
        name,
        text_of(raw["title"]),
        text_of(raw["description"]) if "description" in raw else Text("", ""),
        raw["metrics"] if isinstance(raw.get("metrics"), str) else tuple(raw["metrics"]) if "metrics" in raw else None,
        raw.get("opens_with", ""),
        tuple(raw.get("themes", page["themes"])),
        {"": Classing.of(general) if general else QUANTILES, **classing},
        kept,
        frozenset(opened),
        {key: text_of(title) for key, title in {**page["groups"], **raw.get("groups", {})}.items()},
        catalogue.merged(page["words"], raw.get("words", {})),
        tuple(view) if isinstance(view, list) else view,
        tuple(raw.get("what_if", ())),
        tuple(page["styles"]),
        tuple(page["scripts"]),
        str(raw.get("__path__", "")),
        frozenset(key for key in own if own[key] != shipped.get("overlays", {}).get(key)),
        {key: tuple(columns) for key, columns in raw.get("shows", {}).items()},
    )


def _faults(raw: Mapping[str, Any], page: Mapping[str, Any], library: Mapping[str, Any]) -> list[str]:
    """List what is wrong with one declaration."""
    where = str(raw.get("__path__", "maps"))
    messages = []
    for key in ("styles", "scripts"):
        if key in raw:
            messages.append(f"{where}: {key} are parts of the page itself; remove them")
    messages += catalogue.check_keys(raw, (*_KEYS, "styles", "scripts"), where=where)
    for key, value in raw.items():
        if key in _KEYS and not isinstance(value, _KEYS[key]):
            messages.append(f"{where}: {key} must be {_kinds(_KEYS[key])}, not {shown(value)}")
    if messages:
        return messages
    for key in ("title", "description"):
        if (key in raw or key == "title") and not is_text(raw.get(key)):
            messages.append(f'{where}: {key} must be written {{ zh = "…", en = "…" }}')
    if isinstance(raw.get("metrics"), str) and raw["metrics"] != OF_TARGETS:
        messages.append(f'{where}: metrics must be a list of names, or "{OF_TARGETS}", not {shown(raw["metrics"])}')
    if raw.get("metrics") == []:
        messages.append(f"{where}: metrics names none; leave it out for all that are measured")
    for key, columns in raw.get("shows", {}).items():
        if columns != ["value"] and not (isinstance(columns, list) and columns and all(each in SHOWS for each in columns)):
            messages.append(f'{where}: shows.{shown(key)} must be ["value"] or a list of {", ".join(SHOWS)}, not {shown(columns)}')
    for key in ("metrics", "layers", "shown", "what_if"):
        if not isinstance(raw.get(key, []), str) and not all(isinstance(each, str) for each in raw.get(key, ())):
            messages.append(f"{where}: {key} must be a list of names")
    groups = {**page["groups"], **raw.get("groups", {})}
    messages += [f'{where}: groups.{key} must be written {{ zh = "…", en = "…" }}' for key, title in groups.items() if not is_text(title)]
    messages += _word_faults(catalogue.merged(page["words"], raw.get("words", {})), page["words"], f"{where}: words")
    if not all(map(_is_theme, raw.get("themes", ()))):
        messages.append(f"{where}: a theme has a title {{ zh, en }} and, but for the last, a list of metrics")
    own = raw.get("overlays", {})
    known = [*library, *own]
    for key in ("layers", "shown"):
        messages += [
            f'{where}: {key}: there is no layer "{shown(name)}"{nearest(name, known)}'
            for name in raw.get(key, ())
            if isinstance(name, str) and name not in known
        ]
    view = raw.get("view", "areas")
    if not (view in ("areas", "data") if isinstance(view, str) else _is_box(view)):
        messages.append(f'{where}: view must be "areas", "data" or [west, south, east, north] in degrees, not {shown(view)}')
    messages += _class_faults(raw.get("classes", {}), where)
    if not all(isinstance(overlay, dict) for overlay in own.values()):
        return [*messages, f"{where}: overlays must be tables, as in [overlays.parks]"]
    for name, overlay in own.items():
        messages += _overlay_faults(catalogue.merged(library.get(name, {}), overlay), groups, f"{where}: overlays.{shown(name)}")
    return messages


def _kinds(kinds: tuple[type, ...]) -> str:
    return " or ".join(dict.fromkeys(_WORDS[kind] for kind in kinds))


def _word_faults(words: Mapping[str, Any], known: Mapping[str, Any], where: str) -> list[str]:
    messages = catalogue.check_keys(words, known, where=where)
    for key, word in known.items():
        if is_text(word) and not is_text(words.get(key)):
            messages.append(f'{where}.{key} must be written {{ zh = "…", en = "…" }}')
        elif not is_text(word):
            inner = words.get(key)
            messages += (
                _word_faults(inner, word, f"{where}.{key}") if isinstance(inner, dict) else [f"{where}.{key} must be a table of texts"]
            )
    return messages


def _class_faults(rules: Mapping[str, Any], where: str) -> list[str]:
    general = {key: value for key, value in rules.items() if not isinstance(value, dict)}
    messages = classing_faults(general, f"{where}: classes")
    for metric, rule in rules.items():
        if isinstance(rule, dict):
            messages += classing_faults(_rule(general, rule), f"{where}: classes.{shown(metric)}")
    return messages


def _rule(general: Mapping[str, Any], rule: Mapping[str, Any]) -> dict[str, Any]:
    """Join the classes of one metric with those of all; limits belong to a method and are not carried over to another."""
    kept = general if rule.get("method", "fixed") == "fixed" else {key: value for key, value in general.items() if key != "breaks"}
    return {**kept, **rule}


def _overlay_faults(overlay: Mapping[str, Any], groups: Mapping[str, Any], where: str) -> list[str]:
    messages = catalogue.check_keys(overlay, _OVERLAY_KEYS, where=where)
    for key, value in overlay.items():
        if key in _OVERLAY_KEYS and not isinstance(value, _OVERLAY_KEYS[key]):
            messages.append(f"{where}: {key} must be {_kinds(_OVERLAY_KEYS[key])}, not {shown(value)}")
    if isinstance(overlay.get("style"), dict):
        messages += style_faults(overlay["style"], where=f"{where}.style")
        if missing := [key for key in ("color", "weight") if key not in overlay["style"]]:
            messages.append(f"{where}.style needs {' and '.join(missing)}")
    messages += _kind_faults(overlay.get("kinds", []), where)
    if "title" in overlay and not is_text(overlay["title"]):
        messages.append(f'{where}: title must be written {{ zh = "…", en = "…" }}')
    for column, texts in overlay["values"].items() if isinstance(overlay.get("values"), dict) else ():
        if not isinstance(texts, dict) or not all(map(is_text, texts.values())):
            messages.append(f'{where}: values.{shown(column)} must be a table of {{ zh = "…", en = "…" }} by value')
    if isinstance(overlay.get("group"), str) and overlay["group"] not in groups:
        messages.append(f'{where}: there is no group "{shown(overlay["group"])}"{nearest(overlay["group"], groups)}')
    if overlay.get("source", TASKS) != TASKS and isinstance(overlay["source"], str):
        messages.append(f'{where}: source "{shown(overlay["source"])}" is not known; known: {TASKS}')
    if "style" not in overlay or not {"layer", "evidence", "service_area", "source"} & set(overlay):
        messages.append(f"{where} needs style, and one of layer, evidence, service_area and source")
    return messages


def _kind_faults(kinds: Any, where: str) -> list[str]:
    """List what is wrong with the kinds of an overlay, whose colours go into the page as those of a style do."""
    messages = []
    for number, kind in enumerate(kinds if isinstance(kinds, list) else [], start=1):
        here = f"{where}.kinds {number}"
        if not isinstance(kind, dict) or not is_text(kind.get("title")) or not isinstance(kind.get("color"), str):
            messages.append(f'{here} needs title = {{ zh = "…", en = "…" }} and color = "#…"')
        else:
            messages += style_faults({"color": kind["color"]}, where=here)
    return messages


def is_text(value: Any) -> bool:
    """Whether a declared value is a text in both languages."""
    return isinstance(value, dict) and all(isinstance(value.get(lang), str) for lang in ("zh", "en"))


def text_of(declared: Mapping[str, Any]) -> Text:
    """Return a declared text."""
    return Text(str(declared["zh"]), str(declared["en"]))


def _is_box(value: Any) -> bool:
    numbers = len(value) == 4 and all(isinstance(edge, int | float) and not isinstance(edge, bool) for edge in value)
    return numbers and -180 <= value[0] < value[2] <= 180 and -90 <= value[1] < value[3] <= 90


def _is_theme(value: Any) -> bool:
    metrics = value.get("metrics", []) if isinstance(value, dict) else None
    if not isinstance(metrics, list) or value.get("source", "layers") not in ("layers", "ledger", "statistics"):
        return False
    return all(isinstance(name, str) for name in metrics) and is_text(value.get("title"))


def overlay_title(overlay: Mapping[str, Any], lang: Lang) -> str:
    """Title of an overlay in the declaration of a map; empty where it has none."""
    return text_of(overlay["title"]).get(lang) if "title" in overlay else ""
