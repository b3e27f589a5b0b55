"""Declarations of ledger metrics: what each says, and what is wrong with one that cannot be."""

from __future__ import annotations

import re

import pytest

from spatial import catalogue
from spatial.errors import ProjectError
from spatial.ledger.declared import KINDS, PERIODS, ledger_metrics
from spatial.ledger.values import plain_of
from spatial.metrics import registered
from spatial.units import UNITS

SHIPPED = ledger_metrics()
GOOD = 'title = { zh = "座椅", en = "Benches" }\ndefinition = { zh = "已安装的座椅数", en = "Benches installed" }\nkind = "count"\n'


def own(tmp_path, text, name="benches"):
    folder = tmp_path / "data" / "ledger"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


def test_every_shipped_one_says_what_it_counts():
    assert len(SHIPPED) >= 170
    for name, metric in SHIPPED.items():
        for text in (metric.title, metric.definition, metric.standard):
            assert re.search(r"[\u4e00-\u9fff]|LNG", text.zh), name
            assert not re.search(r"[\u4e00-\u9fff]", text.en), name
        assert len(metric.definition.zh) > len(metric.title.zh) or len(metric.definition.zh) >= 8, name
        assert not metric.definition.en.endswith("."), name
        assert metric.kind in KINDS
        assert metric.period in PERIODS
        assert metric.unit in UNITS
        assert name in metric.select.types
        assert metric.title.zh in metric.select.types
        assert len({plain_of(word) for word in metric.select.types}) == len(metric.select.types)
    assert len({metric.title.zh for metric in SHIPPED.values()}) == len(SHIPPED)
    assert len({metric.title.en for metric in SHIPPED.values()}) == len(SHIPPED)
    assert len({metric.definition.en for metric in SHIPPED.values()} | set()) >= len(SHIPPED) - 1


def test_what_must_fall_to_zero_remains_and_shares_are_shares():
    for name in (
        "rural_dangerous_bridges",
        "rural_poor_road_length",
        "dark_stairwells",
        "black_odorous_water",
        "dilapidated_housing",
        "hazards_open",
    ):
        assert SHIPPED[name].kind == "remaining"
        assert SHIPPED[name].period == "stock"
    for metric in SHIPPED.values():
        assert (metric.kind == "ratio" or bool(metric.of)) == (metric.unit == "1"), metric.name
        assert (metric.kind == "exists") == (metric.unit == "boolean"), metric.name


def test_standards_from_memory_say_that_they_are_to_be_confirmed():
    for metric in SHIPPED.values():
        assert metric.standard.en.startswith("no common standard") or "to be confirmed" in metric.standard.en, metric.name


def test_every_one_is_a_metric_of_the_registry():
    known = registered(None)
    for name, metric in SHIPPED.items():
        assert known[name].source == "ledger"
        assert list(known[name].variants) == {"stock": [""], "year": ["year", "total"], "plan": ["total", "year"]}[metric.period]


def test_ones_own_adds_and_overrides_key_by_key(tmp_path):
    own(tmp_path, GOOD)
    own(tmp_path, "least_m2 = 200\n", "pocket_parks_built")
    found = ledger_metrics(tmp_path)
    assert len(found) == len(SHIPPED) + 1
    assert found["benches"].select.types == ("座椅", "benches")
    assert (found["pocket_parks_built"].least_m2, found["pocket_parks_built"].most_m2) == (200, 10000)
    assert SHIPPED["pocket_parks_built"].least_m2 == 400
    assert ledger_metrics(None) == SHIPPED == ledger_metrics(tmp_path / "none")


def test_a_name_of_another_metric_is_refused(tmp_path):
    with pytest.raises(ProjectError, match="road_area_ratio"):
        registered(own(tmp_path, GOOD, "road_area_ratio"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + 'kid = "x"', 'unknown key "kid"; did you mean "kind"'),
        (GOOD.replace('"count"', '"cuont"'), 'kind = cuont is not one of count, ratio, remaining, exists, overlay; did you mean "count"'),
        (GOOD.replace('kind = "count"', ""), "kind is missing"),
        (GOOD.replace("title", "tilte"), "title is missing"),
        (GOOD + 'unit = "kilometre"', "unit = kilometre is not one of"),
        (GOOD + 'required = "done"', "required = done is not one of planned"),
        (GOOD + 'types = "座椅"', "types must be a list of texts"),
        (GOOD + 'quantity = "length"\nunit = "ha"', "length is not measured in ha"),
        (GOOD + 'unit = "km"', 'records are counted in unit = "count"'),
        (GOOD + 'each = ["甲"]', "each has a meaning only with kind = exists"),
        (GOOD + 'within = "growth"', "within has a meaning only with kind = overlay"),
        (GOOD + 'filled = ["owners"]', 'filled names no column of a ledger: owners; did you mean "owner"'),
        (GOOD + "least_m2 = -1", "least_m2 must be 0 or more"),
        (GOOD + 'least_m2 = "big"', "least_m2 must be a number"),
        (GOOD + "ends = true", "ends"),
        (GOOD + "mapped = 1", "mapped must be true or false"),
        (GOOD + 'denominator = { typ = ["a"] }', "denominator has a meaning|unknown key"),
        (GOOD.replace('"count"', '"ratio"'), 'a share has unit = "1"'),
        (GOOD.replace('"count"', '"exists"'), 'has unit = "boolean"'),
        (GOOD.replace(', en = "Benches" }', " }"), "title must be"),
        ("kind = [1]", "kind = "),
        ("kind = 座椅", "座椅"),
    ],
)
def test_what_cannot_be_is_told(tmp_path, text, said):
    with pytest.raises(ProjectError) as caught:
        ledger_metrics(own(tmp_path, text))
    assert "benches.toml" in str(caught.value)
    assert re.search(said if "|" in said else re.escape(said), str(caught.value))


def test_faults_of_all_files_are_gathered(tmp_path):
    own(tmp_path, GOOD + "a = 1\nb = 2")
    own(tmp_path, GOOD + "c = 1", "chairs")
    own(tmp_path, GOOD, "Chairs")
    with pytest.raises(ProjectError) as caught:
        ledger_metrics(tmp_path)
    assert len(str(caught.value).split("\n")) == 4


def test_the_folder_is_part_of_what_is_shipped():
    assert (catalogue.shipped() / "data" / "ledger").is_dir()
