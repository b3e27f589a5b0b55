"""What a page needs to say who would be served by a new park or facility: streets, residents, and what each of them reaches already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import shapely

from spatial.areas import CITY
from spatial.city import City
from spatial.errors import ProjectError, nearest, shown
from spatial.measurement import measured_areas
from spatial.metrics.coverage import EXACT_M, counted
from spatial.metrics.facilities import facilities, facility_classes, normalized
from spatial.metrics.facility_classes import Group
from spatial.metrics.origins import Shares, people_origins, shares_of
from spatial.metrics.parks import EDITIONS, park_within, service_parks
from spatial.metrics.services import FIFTEEN
from spatial.metrics.walking import attached_origins, network_m, walk
from spatial.outputs.map_specs import MapSpec
from spatial.outputs.webmap.languages import Shared
from spatial.outputs.webmap.streams import Streams
from spatial.outputs.webmap.walking_graph import fitted_projection, pack_attached, pack_graph, pack_polygons
from spatial.result import STATUSES, Results
from spatial.scenario import PARK, classes_of, site_fields
from spatial.text import Lang, Text

BLOB = "what-if"
MARGIN_M = 500.0
PARKS, BY_CLASS = "park_service_coverage", "service_15min_by_class"
# What the streams tell of: where people live, the streets, what stands between.
_TOLD_OF = ("population", "roads", "gates", "walls", "rail", "water", "buildings")

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Reach:
    """What a place reaches or does not: a class of facilities within a distance, or a park within the radius that its size gives it."""

    kind: str
    limits: tuple[tuple[float, float], ...]  # least area m² → metres, the smallest first
    edition: str = ""


@dataclass(frozen=True)
class _Measure:
    """A figure of the table that a site may change: the share of residents who reach all of some things."""

    metric: str
    variant: str
    reaches: tuple[_Reach, ...]


@dataclass(eq=False)
class _Offer:
    """What the reader may drop, and the figures that follow."""

    kinds: dict[str, tuple[str, ...]] = field(default_factory=dict)  # kind → the classes that it belongs to
    measures: list[_Measure] = field(default_factory=list)
    reaches: list[_Reach] = field(default_factory=list)
    left_out: dict[str, Text] = field(default_factory=dict)  # kind → why


def pack_what_if(
    results: Results, spec: MapSpec, order: Ints, shared: Shared, *, edition: str = "internal"
) -> tuple[dict[str, Any] | None, list[str]]:
    """Pack what a page needs to place a park or a facility and to say whom it would serve.

    Parameters
    ----------
    results
        A measured city.
    spec
        The map; its ``what_if`` names the classes that may be placed.
    order
        Rows of the areas in the order of the page.
    shared
        Takes the streets and the residents as the binary part ``what-if``.
    edition
        ``public`` offers nothing: streets, walls and residents by place would travel in full detail.

    Returns
    -------
    data, notices
        For the page, ``None`` where nothing can be placed; and why something cannot.

    Raises
    ------
    ProjectError
        The map names a class that does not exist.
    OutputError
        The city's projection cannot be carried into a page.
    """
    if not spec.what_if:
        return None, []
    lang, words = results.lang, spec.words_in(results.lang)["what_if"]
    _check(results.city, spec)
    if edition == "public":
        return None, [words["not_public"]]
    if secret := _secret(results.city, spec):
        titles = [results.city.layer(name).spec.title.get(lang) for name in secret]
        return None, [words["secret"].format(layers=", ".join(titles))]
    offer = shared.once("what-if offer", lambda: _offered(results, spec))
    notices = [words["left_out"].format(kind=_title(results.city, kind, lang), why=why.get(lang)) for kind, why in offer.left_out.items()]
    if not offer.kinds:
        return None, notices
    packed = shared.once(BLOB, lambda: _packed(results, offer, order, shared))
    return {
        **packed,
        "kinds": [
            {
                "name": kind,
                "title": _title(results.city, kind, lang),
                "park": kind == PARK,
                "reaches": [n for n, reach in enumerate(offer.reaches) if reach.kind in classes],
                "grounds": kind,
            }
            for kind, classes in offer.kinds.items()
        ],
        "reaches": [{"limits": [list(limit) for limit in reach.limits]} for reach in offer.reaches],
        "measures": [{**said, **_titles(results, measure)} for measure, said in zip(offer.measures, packed["measures"], strict=True)],
    }, notices


def _check(city: City, spec: MapSpec) -> None:
    known = facility_classes(city).classes
    wrong = [
        f'{spec.path}: what_if: there is no facility class "{shown(kind)}"{nearest(kind, known)}'
        for kind in spec.what_if
        if kind not in known
    ]
    if wrong:
        raise ProjectError("; ".join(wrong))


def _secret(city: City, spec: MapSpec) -> list[str]:
    declared = facility_classes(city).classes
    layers = dict.fromkeys((*_TOLD_OF, *(layer for kind in spec.what_if for layer in declared[kind].layers)))
    return [
        name for name in layers if name in city.layers and city.layer(name).origin != "absent" and city.layer(name).sensitivity == "secret"
    ]


def _title(city: City, kind: str, lang: Lang) -> str:
    return facility_classes(city).classes[kind].title.get(lang)


def _titles(results: Results, measure: _Measure) -> dict[str, str]:
    info = results.metrics[measure.metric]
    return {"title": info.title.get(results.lang), "variant_title": info.variants[measure.variant].get(results.lang)}


def _offered(results: Results, spec: MapSpec) -> _Offer:
    """Find what can be placed, and which measured figures that would change."""
    city, offer = results.city, _Offer()
    for name in ("roads", "population"):
        if missing := city.layer(name).missing:
            offer.left_out = dict.fromkeys(spec.what_if, missing)
            return offer
    measures = list(_measures(results))
    declared = facility_classes(city)
    for kind in spec.what_if:
        layer, fields = site_fields(declared, kind)
        if city.layer(layer).frame is None:
            offer.left_out[kind] = city.layer(layer).missing or Text("图层不是矢量", "its layer has no features")
        elif declared.classes[kind].entrances:
            offer.left_out[kind] = Text("该类设施按出入口量算", "facilities of this class are entered at mapped entrances")
        else:
            row = gpd.GeoDataFrame({**fields, "name": [fields.get("name", "")]}, geometry=[shapely.Point(0, 0)], crs=city.crs)
            classes = classes_of(city, layer, row)
            if any(reach.kind in classes for measure in measures for reach in measure.reaches):
                offer.kinds[kind] = classes
            else:
                offer.left_out[kind] = Text(
                    "未测算相应指标，或该类设施未测绘", "no figure that counts it was measured, or the class is not mapped"
                )
    touched = {each for classes in offer.kinds.values() for each in classes}
    seen = set()
    for measure in measures:
        key = frozenset(measure.reaches)
        if key not in seen and any(reach.kind in touched for reach in measure.reaches):
            seen.add(key)
            offer.measures.append(measure)
    offer.reaches = list(dict.fromkeys(reach for measure in offer.measures for reach in measure.reaches))
    return offer


def _measures(results: Results) -> Iterator[_Measure]:
    """Figures on foot and of residents that were measured: the most direct first."""
    declared = facility_classes(results.city)
    if PARKS in results.metrics:
        for edition, sizes in EDITIONS.items():
            yield _Measure(PARKS, f"network_{edition}_people", (_Reach(PARK, tuple(sorted(sizes)), edition),))
    found = [*declared.sets.values(), *declared.metrics.values()]
    for group in found:
        own = group.name in declared.metrics and declared.metrics[group.name] is group
        metric = group.name if own else BY_CLASS
        for kind in group.limits:
            variant = (f"{kind}_" if len(group.limits) > 1 else "") + "network_residents" if own else f"{group.name}_{kind}_residents"
            yield from _of_classes(results, group, (kind,), metric, variant)
    for group in found:
        own = group.name in declared.metrics and declared.metrics[group.name] is group
        if len(group.together) > 1:
            variant = "network_residents" if own else f"{group.name}_network_residents"
            yield from _of_classes(results, group, group.together, group.name if own else FIFTEEN, variant)


def _of_classes(results: Results, group: Group, kinds: Sequence[str], metric: str, variant: str) -> Iterator[_Measure]:
    if metric not in results.metrics or variant not in results.metrics[metric].variants:
        return
    if used := counted(results.city, kinds, "network").used:
        least = {kind: facility_classes(results.city).classes[kind].least_m2 for kind in used}
        yield _Measure(metric, variant, tuple(_Reach(kind, ((least[kind], group.limits[kind].distance_m),)) for kind in used))


def _packed(results: Results, offer: _Offer, order: Ints, shared: Shared) -> dict[str, Any]:
    """Write the streams; return what the page must know of them."""
    city, streams = results.city, Streams()
    origins = people_origins(city)
    tables, of_measure = _shares(results, offer)
    used = np.unique(np.concatenate([table.origin for table in tables]))
    xy = shapely.get_coordinates(origins.points[used])
    bounds = _bounds(city, xy)
    corner = np.floor(np.array(bounds[:2]))
    pack_graph(city, streams, corner)
    attached = attached_origins(city, "people", origins).take(used)
    by_street = np.lexsort((xy[:, 1], xy[:, 0], attached.along_m, attached.edge))
    used, xy = used[by_street], xy[by_street]
    pack_attached(attached.take(by_street), streams)
    streams.steps("home_x", np.rint(xy[:, 0] - corner[0]))
    streams.steps("home_y", np.rint(xy[:, 1] - corner[1]))
    for n, reach in enumerate(offer.reaches):
        streams.bits(f"reached_{n}", _reached(city, reach)[used])
    number = np.full(len(origins), -1)
    number[used] = np.arange(len(used))
    place = np.argsort(order)
    derived = [_pack_shares(n, table, results, number, place, streams) for n, table in enumerate(tables)]
    for kind, classes in offer.kinds.items():
        pack_polygons(f"grounds_{kind}", _grounds(city, kind, classes), streams, corner)
    pack_polygons("extent", _extent(city, offer), streams, corner)
    shared.blobs[BLOB] = streams.written()
    _, cells, area = origins.flat
    return {
        "streams": {name: list(part) for name, part in streams.parts.items()},
        "projection": fitted_projection(city.crs, bounds, corner),
        "cell_m": round(float(np.sqrt(np.median(area))), 1) if len(cells) else 0,
        "shares": [{"city": row} for row in derived],
        "editions": {str(n): reach.edition for n, reach in enumerate(offer.reaches) if reach.edition},
        "measures": [
            {
                "metric": measure.metric,
                "variant": measure.variant,
                "reaches": [offer.reaches.index(reach) for reach in measure.reaches],
                "shares": of_measure[n],
                "status": _statuses(results, measure, order),
            }
            for n, measure in enumerate(offer.measures)
        ],
    }


def _bounds(city: City, homes: Floats) -> tuple[float, float, float, float]:
    """Return what the page may be asked about: streets, homes and what the data cover, with a margin."""
    parts = [walk(city).graph.xy, homes]
    if city.data_extent is not None:
        parts.append(np.reshape(shapely.bounds(city.data_extent), (2, 2)))
    xy = np.concatenate(parts)
    low, high = xy.min(axis=0) - MARGIN_M, xy.max(axis=0) + MARGIN_M
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _shares(results: Results, offer: _Offer) -> tuple[list[Shares], list[int]]:
    """Divide the residents among the areas as each measure does; measures over the same ground share a table."""
    city = results.city
    tables: list[Shares] = []
    of_measure = []
    given = measured_areas(city, [(measure.metric, measure.variant) for measure in offer.measures], results.by)
    for areas in given:
        mine = shares_of(city, "people", people_origins(city), areas)
        known = next((n for n, table in enumerate(tables) if _same(table, mine)), None)
        of_measure.append(len(tables) if known is None else known)
        if known is None:
            tables.append(mine)
    return tables, of_measure


def _same(one: Shares, two: Shares) -> bool:
    return all(np.array_equal(a, b) for a, b in ((one.origin, two.origin), (one.row, two.row), (one.weight, two.weight)))


def _pack_shares(n: int, table: Shares, results: Results, number: Ints, place: Ints, streams: Streams) -> int:
    """Write who lives where; the city's row is left out where it is the sum of the others. Returns that row, else -1."""
    (city,) = np.flatnonzero(results.areas.ids == CITY)
    of_city = table.row == city
    count = len(number)
    apart, whole = (np.bincount(table.origin[mine], weights=table.weight[mine], minlength=count) for mine in (~of_city, of_city))
    closes = bool(len(results.areas) > 1 and np.allclose(apart, whole, rtol=1e-9, atol=1e-9))
    kept = ~of_city if closes else np.ones(len(of_city), bool)
    home, row, weight = number[table.origin[kept]], place[table.row[kept]], table.weight[kept]
    by_home = np.lexsort((row, home))
    streams.steps(f"share_home_{n}", home[by_home])
    streams.whole(f"share_row_{n}", row[by_home])
    streams.floats(f"share_people_{n}", weight[by_home])
    return int(place[city]) if closes else -1


def _reached(city: City, reach: _Reach) -> npt.NDArray[np.bool_]:
    origins = people_origins(city)
    if reach.edition:
        return park_within(city, reach.edition, "people", origins)
    return network_m(city, reach.kind, "people", origins) <= reach.limits[0][1] + EXACT_M


def _grounds(city: City, kind: str, classes: tuple[str, ...]) -> npt.NDArray[np.object_]:
    """Grounds that a site would become a part of: parks that it touches, nameless polygons of its class that it stands in."""
    found = [facilities(city, each) for each in classes]
    if kind == PARK:
        shapes = [service_parks(city).shapes, *(each.shapes for each in found)]
    else:
        shapes = [each.shapes[[not normalized(name) for name in each.names]] if len(each.shapes) else each.shapes for each in found]
    every = np.concatenate(shapes)
    every = every[shapely.get_dimensions(every) == 2]
    return np.array(list({shapely.to_wkb(shape): shape for shape in shapely.get_parts(every)}.values()), dtype=object)


def _extent(city: City, offer: _Offer) -> npt.NDArray[np.object_]:
    """Return the polygon in which all the layers that matter tell the truth; none where they do everywhere."""
    declared = facility_classes(city)
    layers = {"roads", *(site_fields(declared, kind)[0] for kind in offer.kinds)}
    extents = [city.layer(name).extent for name in sorted(layers) if city.layer(name).extent is not None]
    return np.array([shapely.intersection_all(extents)] if extents else [], dtype=object)


def _statuses(results: Results, measure: _Measure, order: Ints) -> list[int]:
    table = results.table
    rows = table[(table["metric"] == measure.metric) & (table["variant"] == measure.variant)].set_index("area_id")
    status = rows["status"].reindex(results.areas.ids[order]).fillna("no_data")
    return [STATUSES.index(each) for each in status]
