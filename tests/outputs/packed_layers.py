"""A second reader of packed layers, written plainly from the head of ``packing.py``, so that tests see what a page holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import shapely

POINT, LINE, RING, HOLE, SIGN = range(5)


@dataclass
class PackedLayer:
    """Features with their paths in whole steps, their classes and their facts; ``None`` for nothing."""

    steps: int
    paths: list[list[tuple[int, list[tuple[int, int]]]]]
    classes: list[int]
    columns: list[list[Any]] = field(default_factory=list)
    tables: list[list[str]] = field(default_factory=list)

    def geometry(self, row: int) -> list[Any]:
        """Return points, lines and polygons of a feature, degrees; signs left out."""
        found: list[Any] = []
        rings: list[list[list[tuple[float, float]]]] = []
        for kind, places in self.paths[row]:
            here = [(x / self.steps, y / self.steps) for x, y in places]
            if kind == POINT:
                found.append(shapely.Point(here[0]))
            elif kind == LINE:
                found.append(shapely.LineString(here if len(here) > 1 else here * 2))
            elif kind == RING:
                rings.append([here])
            elif kind == HOLE:
                rings[-1].append(here)
        return found + [shapely.Polygon(ring[0], ring[1:]) for ring in rings if len(ring[0]) > 2]

    def kinds(self, row: int) -> set[int]:
        return {kind for kind, _ in self.paths[row]}


def read_layer(data: bytes) -> PackedLayer:
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def signed() -> int:
        value = number()
        return -(value + 1) // 2 if value % 2 else value // 2

    assert number() == 1
    steps, size, path_count, point_count, column_count = (number() for _ in range(5))
    kinds_of_columns = []
    for _ in range(column_count):
        kind = number()
        kinds_of_columns.append((kind, number() if kind == 1 else 0))
    rows, row = [], 0
    for _ in range(path_count):
        row += number()
        rows.append(row)
    kinds = [number() for _ in range(path_count)]
    counts = [number() for _ in range(path_count)]
    places = []
    for _ in range(2):
        value, axis = 0, []
        for _ in range(point_count):
            value += signed()
            axis.append(value)
        places.append(axis)
    layer = PackedLayer(steps, [[] for _ in range(size)], [number() for _ in range(size)])
    begin = 0
    for row, kind, count in zip(rows, kinds, counts, strict=True):
        layer.paths[row].append((kind, list(zip(places[0][begin : begin + count], places[1][begin : begin + count], strict=True))))
        begin += count
    for kind, decimals in kinds_of_columns:
        table = [""]
        if kind == 2:
            lengths = [number() for _ in range(number())]
            for length in lengths:
                table.append(data[at : at + length].decode())
                at += length
        codes = [number() for _ in range(size)]
        if kind == 1:
            layer.columns.append([None if code == 0 else _unfolded(code - 1) / 10**decimals for code in codes])
        else:
            layer.columns.append([table[code] for code in codes] if kind == 2 else codes)
        layer.tables.append(table)
    assert at == len(data)
    return layer


def _unfolded(value: int) -> int:
    return -(value + 1) // 2 if value % 2 else value // 2


def facts_of(overlay: dict[str, Any], data: bytes, title: str) -> list[Any]:
    """Read one column of facts back as the page does, class by class."""
    layer = read_layer(data)
    index = [column["title"] for column in overlay["columns"]].index(title)
    column, values = overlay["columns"][index], layer.columns[index]
    said = [column["texts"][value] for value in values] if "texts" in column else values
    if not column["text"]:
        said = [column["absent"] if value is None else value / column.get("divide", 1) for value in values]
    return [said[row] for row in sorted(range(len(said)), key=lambda row: layer.classes[row])]
