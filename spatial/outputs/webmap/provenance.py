"""Where a figure comes from: the sources of its layers, and whether it is a numerator divided by a denominator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spatial.result import MetricInfo, Results
from spatial.text import Text
from spatial.units import unit_of

# How many of a unit one base unit divided by another makes: 1 m / 1 m² is 1,000 km/km². Units that are not named here hold their base units.
PER_BASE = {"km/km2": 1e3, "1/km2": 1e6, "persons/km2": 1e6}
LEDGER, STATISTICS = Text("台账", "Ledger"), Text("统计表", "Table of statistics")


class Provenance:
    """The sources of a run, one line each, and which of them a metric rests on.

    Attributes
    ----------
    lines
        Title and source of every layer that was supplied, then of the ledger and of the table of statistics.
    """

    def __init__(self, results: Results, words: Mapping[str, Any]) -> None:
        self.lines: list[str] = []
        self._places: dict[str, int] = {}
        city, lang = results.city, results.lang
        for name, layer in city.layers.items():
            if layer.origin == "absent":
                continue
            title = layer.spec.title.get(lang)
            if city.synthetic and layer.source == city.synthetic:
                self._add(name, f"{title}: {words['origin_made_up']}")
                continue
            parts = [words[f"origin_{part}"] for part in layer.origin.split("+") if f"origin_{part}" in words]
            self._add(name, f"{title}: {' + '.join(parts)}{f' ({layer.source})' if layer.source else ''}")
        for name, table_title, table in (("ledger", LEDGER, city.ledger), ("statistics", STATISTICS, city.statistics)):
            if table is not None:
                self._add(f"[{name}]", f"{table_title.get(lang)}: {table.source or words['origin_local']}")

    def _add(self, name: str, line: str) -> None:
        self._places[name] = len(self.lines)
        self.lines.append(line)

    def of(self, info: MetricInfo, variant: str) -> list[int]:
        """Return the places of the lines that speak of what a variant needs; what was not supplied has none."""
        wanted = [f"[{info.source}]"] if info.source != "layers" else list(dict.fromkeys(info.needs.get(variant, ())))
        return [self._places[name] for name in wanted if name in self._places]


def quotient(info: MetricInfo, rows: Mapping[str, Any]) -> float | None:
    """Return by what a numerator divided by its denominator is multiplied, so that it is the value as it is shown.

    Parameters
    ----------
    info
        The metric.
    rows
        Columns of one variant.

    Returns
    -------
    float or None
        100 for a share that is shown in per cent, 1,000 for km/km² of metres and square metres; ``None`` where a value is anything but the quotient
        (a gap has the ground that it is part of for its denominator), or where nothing shows it.
    """
    value, above, below = (np.asarray(rows[column], dtype=float) for column in ("value", "numerator", "denominator"))
    known = np.isfinite(value) & np.isfinite(above) & np.isfinite(below)
    if not known.any() or not (above[known] != 0).any():
        return None
    per_base = PER_BASE.get(info.unit, 1.0)
    held, wanted = value[known] * below[known], above[known] * per_base
    if not (below[known] > 0).all() or not np.allclose(held, wanted, rtol=1e-9, atol=0):
        return None
    return per_base * unit_of(info.unit).factor
