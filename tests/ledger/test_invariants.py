"""What must hold of every ledger, whatever stands in it: made-up ones by seed, with twins, gaps, every status and every kind of place."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta

import numpy as np
import pytest

from spatial.ledger.answer import answer
from spatial.ledger.declared import LedgerMetric, Select
from spatial.ledger.ladder import LADDER
from spatial.text import Text
from tests.ledger.town import DAY, at, box, ledger, line, town

CITY_ = town()
AREAS = CITY_.areas()
TOTAL = list(AREAS.ids).index("city")
UNITS = {"records": ("count", ""), "quantity": ("ha", "亩"), "area": ("ha", "亩"), "length": ("km", "公里")}


class Made:
    """A ledger, a metric and a day by seed. Names and places are few, so that every second record has a twin."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        quantity = self.draw.choice(list(UNITS))
        kind = self.draw.choice(["count", "count", "remaining", "ratio"])
        quantity = "records" if kind == "ratio" else quantity
        unit, self.word = UNITS[quantity]
        self.metric = LedgerMetric(
            "things", Text("事", "things"), Text("事", "things"), kind, Select(("事",)), required=self.draw.choice([*LADDER, "completed", "opened"]), quantity=quantity,
            unit="1" if kind == "ratio" else unit, phases=self.draw.random() < 0.3,
        )  # fmt: skip
        self.as_of = self.draw.choice([DAY, date(2024, 12, 31), date(2024, 2, 29)])
        self.since = self.draw.choice([None, date(self.as_of.year - 1, 12, 31)]) if kind == "count" else None
        self.rows = [self._row(number) for number in range(self.draw.randint(4, 14))]

    def _row(self, number):
        draw = self.draw
        day = draw.choice(["", "2024-02-29", "2025-02-01"])
        east, north = draw.uniform(10, 1700), draw.uniform(10, 1200)
        place = draw.choice([
            None, None, at(500 + draw.uniform(-40, 40), 500), at(500, 500 + draw.uniform(-40, 40)), at(east, north),
            box(east, north, east + 150, north + 90), line((east, north), (1900, 1400)),
        ])  # fmt: skip
        return {
            "id": draw.choice([f"i{number}", ""]), "name": draw.choice(["甲园", "甲园", "丁园一期", "丁园二期"]), "type": "事",
            "district": draw.choice(["", "东风", "东风区"]), "address": draw.choice(["", "", "", "东路"]), "status": draw.choice([*LADDER, *["completed"] * 6, "cancelled"]),
            "status_date": day, "quantity": draw.choice(["", "5", "30", "100"]), "unit": self.word, "geometry": place,
        }  # fmt: skip

    def ask(self, rows, as_of=None):
        return answer(ledger(rows), CITY_, AREAS, self.metric, as_of=as_of or self.as_of, since=self.since).value


@pytest.mark.parametrize("seed", range(150))
def test_what_holds_of_every_ledger(seed):
    made = Made(seed)
    value, rows = made.ask(made.rows), made.rows
    falls = made.metric.kind == "remaining"

    # Areas and what no area has are the city.
    if made.metric.kind != "ratio" and np.isfinite(value).all():
        assert math.fsum(np.delete(value, TOTAL)) == pytest.approx(value[TOTAL], rel=1e-9)

    # The order of the rows says nothing.
    mixed = rows.copy()
    made.draw.shuffle(mixed)
    assert made.ask(mixed) == pytest.approx(value, rel=1e-9, nan_ok=True)

    # Nor does the unit in which numbers are written: 1 亩 is 10000/15 m².
    if made.word == "亩":
        metres = [{**row, "quantity": row["quantity"] and repr(float(row["quantity"]) * 10_000 / 15), "unit": "平方米"} for row in rows]
        assert made.ask(metres) == pytest.approx(value, rel=1e-9, nan_ok=True)

    # To complete a record never makes less of what is done, nor more of what is left.
    number = made.draw.randrange(len(rows))
    if rows[number]["status"] != "cancelled" and LADDER.index(rows[number]["status"]) < LADDER.index(made.metric.required):
        done = [
            {**row, **({"status": made.metric.required, "status_date": str(made.as_of)} if n == number else {})}
            for n, row in enumerate(rows)
        ]
        after = made.ask(done)[TOTAL]
        assert math.isnan(after) or math.isnan(value[TOTAL]) or (after <= value[TOTAL] + 1e-9 if falls else after >= value[TOTAL] - 1e-9)

    # A later day takes nothing back of a stock.
    if made.metric.kind == "count" and made.since is None:
        later = made.ask(rows, min(made.as_of + timedelta(days=200), DAY))[TOTAL]
        assert math.isnan(later) or math.isnan(value[TOTAL]) or later >= value[TOTAL] - 1e-9
