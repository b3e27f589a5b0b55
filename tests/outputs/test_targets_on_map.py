"""Targets and tasks in the page's data: what is bound where, where the target line falls, what is never shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely

from spatial.errors import ProjectError
from spatial.ledger.records import Ledger
from spatial.outputs.classes import classify
from spatial.outputs.map_specs import map_specs
from spatial.outputs.target_words import amount, goal
from spatial.outputs.task_groups import TASK_GROUPS, group_of, placed_tasks
from spatial.outputs.webmap import write_map
from spatial.result import Results
from spatial.targets.model import CONTRADICTIONS, TASK_TABLE, Standing
from spatial.text import Text
from tests.outputs.graded_city import VALUES, results
from tests.outputs.packed_layers import LINE, POINT, SIGN, facts_of, read_layer
from tests.outputs.planned_city import (
    HOSTILE_TARGET,
    HOSTILE_TASK,
    TASKS,
    ledger,
    planned_results,
    standing,
    target_row,
    task_rows,
)
from tests.outputs.test_maps import blob_of, payload_of

RANKED = np.array([0.10, 0.12, 0.18, 0.22])


def payload(made: Standing | None, folder: Path, given: Results | None = None) -> dict[str, Any]:
    return payload_of(write_map(given or planned_results(), folder / "map.html", made).read_text(encoding="utf-8"))


def variant_of(page: dict[str, Any], metric: str = "road_area_ratio", variant: str = "paved") -> dict[str, Any]:
    mine = next(each for each in page["metrics"] if each["name"] == metric)
    return next(each for each in mine["variants"] if each["name"] == variant)


def test_without_plans_the_page_knows_nothing_of_targets(tmp_path: Path) -> None:
    page = payload(None, tmp_path, results())
    assert "targets" not in page
    assert "tasks" not in [overlay["name"] for overlay in page["overlays"]]
    for metric in page["metrics"]:
        assert not [variant for variant in metric["variants"] if {"ticks", "marks"} & set(variant)]


def test_a_plan_without_targets_of_these_metrics_leaves_no_block(tmp_path: Path) -> None:
    page = payload(standing([target_row(measure="metro_length")]), tmp_path)
    assert "targets" not in page


def test_the_line_falls_into_its_class_at_its_height(tmp_path: Path) -> None:
    # 0.168 lies in the class [0.15, 0.20), say, at (0.168 - 0.15) / 0.05 of its width.
    page = payload(standing(), tmp_path)
    breaks = classify(RANKED, "1", "zh").breaks
    index = int(np.searchsorted(breaks, 0.168, side="right")) - 1
    share = (0.168 - breaks[index]) / (breaks[index + 1] - breaks[index])
    assert 0 < share < 1
    assert variant_of(page)["marks"] == [[0, index, pytest.approx(share, abs=1e-4)]]
    assert "marks" not in variant_of(page, variant="redline")
    assert "marks" not in variant_of(page, "population", "")


@pytest.mark.parametrize(("target", "place"), [(0.05, -1), (0.10, 0), (0.44, len(classify(RANKED, "1", "zh").colors))])
def test_a_line_outside_the_classes_stands_beside_them(tmp_path: Path, target: float, place: int) -> None:
    page = payload(standing([target_row(target=target)]), tmp_path)
    assert variant_of(page)["marks"] == [[0, place, 0.0]]


def test_ticks_have_the_scale_of_the_bars(tmp_path: Path) -> None:
    # The largest value that is ranked is 0.22: a bar of 100; 0.168 / 0.22 = 76.36.
    page = payload(standing(), tmp_path)
    assert variant_of(page)["bar"][:4] == [round(100 * value / 0.22) for value in VALUES[:4]]
    assert variant_of(page)["ticks"] == [[0, pytest.approx(76.36, abs=0.01)]]
    # A target of 0.44 is the longest thing there: the bar of 0.22 is half as long.
    far = variant_of(payload(standing([target_row(target=0.44)]), tmp_path))
    assert far["bar"][3] == 50
    assert far["ticks"] == [[0, 100.0]]


def test_a_citys_number_of_people_is_no_measure_of_an_area(tmp_path: Path) -> None:
    city = target_row(measure="population", variant="", target=300_000.0, unit="persons", value=15_000.0)
    variant = variant_of(payload(standing([city]), tmp_path), "population", "")
    assert not {"ticks", "marks"} & set(variant)
    # 30,000 for a and 10,000 for b: the largest bar is d's 22,000, so that 30,000 is the end of the scale; no one line for all.
    split = [
        city | {"area_id": key, "target": wanted, "value": value, "indicative": True}
        for key, wanted, value in (("a", 3e4, 1e4), ("b", 1e4, 1.2e4))
    ]
    page = payload(standing([city, *split]), tmp_path)
    variant = variant_of(page, "population", "")
    assert variant["ticks"] == [[0, [100.0, pytest.approx(33.33, abs=0.01), None, None, None, None]]]
    assert variant["marks"] == []
    assert [row["indicative"] for row in page["targets"]["list"][0]["rows"]] == [False, True, True]
    assert [row["row"] for row in page["targets"]["list"][0]["rows"]] == [-1, 0, 1]


def test_an_area_whose_share_is_nothing_is_not_counted_as_having_met_it(tmp_path: Path) -> None:
    """All 1,500 dwellings are shared out to a; b has to build none and has not "met" anything."""
    city = target_row(measure="population", variant="", target=1500.0, unit="persons", value=0.0)
    split = [
        city | {"area_id": key, "target": wanted, "status": status, "indicative": True}
        for key, wanted, status in (("a", 1500.0, "behind"), ("b", 0.0, "met"))
    ]
    rows = payload(standing([city, *split]), tmp_path)["targets"]["list"][0]["rows"]
    assert [(row["row"], row["status"]) for row in rows] == [(-1, "behind"), (0, "behind")]
    none_left = [{**row, "operator": "==", "target": 0.0} for row in (city, *split)]  # that nothing is left is asked of every area
    assert len(payload(standing(none_left), tmp_path)["targets"]["list"][0]["rows"]) == 3


def test_what_was_held_against_another_figure_has_no_line(tmp_path: Path) -> None:
    # Two percentage points more than elsewhere: 0.02 is no value of a road area ratio, and 0.15 is not what it was held against.
    page = payload(standing([target_row(target=0.02, value=0.03, unit="pp")]), tmp_path)
    assert "marks" not in variant_of(page)
    assert [target["differs"] for target in page["targets"]["list"]] == [True]
    assert not payload(standing(), tmp_path)["targets"]["list"][0]["differs"]


def test_one_number_for_all_areas_is_one_line(tmp_path: Path) -> None:
    # The judge says of every area but the partial one and the one without data that the city's 0.168 holds there too.
    rows = [target_row(area_id=key, value=value, indicative=True) for key, value in zip("abcd", VALUES, strict=False)]
    assert [mark[0] for mark in variant_of(payload(standing([target_row(), *rows]), tmp_path))["marks"]] == [0]
    # Without a row of the city, four of six areas are not all.
    assert variant_of(payload(standing(rows), tmp_path))["marks"] == []


def test_units_are_converted_or_nothing_is_drawn(tmp_path: Path) -> None:
    same = variant_of(payload(standing([target_row(target=0.168, unit="1/1000")]), tmp_path))
    assert len(same["marks"]) == 1
    other = payload(standing([target_row(target=12.0, unit="m2")]), tmp_path)
    assert "marks" not in variant_of(other)
    assert len(other["targets"]["list"]) == 1


@pytest.mark.parametrize("status", ["superseded", "withdrawn", "carried_over", "not_comparable", "not_measurable"])
def test_what_is_no_longer_wanted_is_told_and_not_drawn(tmp_path: Path, status: str) -> None:
    page = payload(standing([target_row(status=status)]), tmp_path)
    assert "marks" not in variant_of(page)
    assert page["targets"]["list"][0]["rows"][0]["status"] == status


@pytest.mark.parametrize("operator", ["trend_up", "exists"])
def test_a_trend_has_no_line(tmp_path: Path, operator: str) -> None:
    page = payload(standing([target_row(operator=operator, target=np.nan if operator == "trend_up" else 1.0)]), tmp_path)
    assert "marks" not in variant_of(page)


def test_targets_about_no_metric_are_counted(tmp_path: Path) -> None:
    page = payload(standing([target_row(), target_row(target_id="R2", measure="metro_length")]), tmp_path)
    assert len(page["targets"]["list"]) == 1
    assert page["targets"]["elsewhere"].startswith("另有目标 1 项")


def test_two_plans_may_use_one_id(tmp_path: Path) -> None:
    page = payload(standing([target_row(), target_row(plan="other", target=0.2)]), tmp_path)
    assert [mark[0] for mark in variant_of(page)["marks"]] == [0, 1]


def test_a_target_without_a_variant_stands_where_its_figure_is(tmp_path: Path) -> None:
    # Paved is 0.15 and the default, the red line is 0.165; 0.17 is neither.
    for value, variant, differs in ((0.15, "paved", False), (0.165, "redline", False), (0.17, "paved", True)):
        target = payload(standing([target_row(variant="", value=value)]), tmp_path)["targets"]["list"][0]
        assert (target["variant"], target["differs"]) == (variant, differs)


def test_a_plan_that_disagrees_says_so_until_it_is_decided(tmp_path: Path) -> None:
    row = ["two_values", "X9", "R1", "road_area_ratio", 2025, "一为 16.8，一为 18", "16.8 or 18", ""]
    open_, decided = (pd.DataFrame([[*row[:-1], by]], columns=list(CONTRADICTIONS)) for by in ("", "R1"))
    page = payload(standing(contradictions=open_), tmp_path)
    assert [page["texts"][text] for text in page["targets"]["list"][0]["disagrees"]] == ["一为 16.8，一为 18"]
    assert payload(standing(contradictions=decided), tmp_path)["targets"]["list"][0]["disagrees"] == []


def tasks_of(page: dict[str, Any]) -> dict[str, Any]:
    return next(overlay for overlay in page["overlays"] if overlay["name"] == "tasks")


def test_tasks_are_grouped_and_counted(tmp_path: Path) -> None:
    page = payload(standing(), tmp_path)
    overlay = tasks_of(page)
    mapped = [group for group, *_, place in TASKS if place is not None]
    colors = {group.title.zh: group.color for group in TASK_GROUPS}
    assert {entry["label"]: entry["count"] for entry in overlay["key"]} == {
        group.title.zh: mapped.count(group.name) for group in TASK_GROUPS
    }
    assert all(entry["color"] == colors[entry["label"]] for entry in (*overlay["key"], *overlay["groups"]))
    assert [group["count"] for group in overlay["groups"]] == [mapped.count(group.name) for group in TASK_GROUPS]
    assert not overlay["shown"]


def test_tasks_without_a_place_are_counted_in_the_legend_and_the_notices(tmp_path: Path) -> None:
    page = payload(standing(), tmp_path)
    assert tasks_of(page)["left"] == "未上图 1 项，共 8 项"
    assert "台账任务: 未上图 1 项，共 8 项" in page["notices"]
    given = planned_results()
    nowhere = given.city.ledger.frame.copy()
    nowhere["geometry"] = None
    without = replace(given, city=replace(given.city, ledger=replace(given.city.ledger, frame=nowhere)))
    page = payload(standing(), tmp_path, without)
    assert "tasks" not in [overlay["name"] for overlay in page["overlays"]]
    assert "台账任务: 未上图 8 项，共 8 项" in page["notices"]


def test_a_secret_ledger_is_not_drawn_and_that_is_said(tmp_path: Path) -> None:
    given = planned_results(sensitivity="secret")
    path = write_map(given, tmp_path / "map.html", standing([target_row(projects="t2;t7", lead_unit="园林局")]))
    html = path.read_text(encoding="utf-8")
    page = payload_of(html)
    assert "tasks" not in [overlay["name"] for overlay in page["overlays"]]
    assert 'id="spatial-layer-tasks"' not in html
    assert any("涉密" in notice and "台账任务" in notice for notice in page["notices"])
    assert not [text for text in page["texts"] if HOSTILE_TASK in text or "t2;t7" in text or "园林局" in text]
    assert page["city"]["stamp"]
    assert page["targets"]["list"]  # a figure of all tasks tells of none


def test_a_city_with_plans_and_no_ledger_has_targets_alone(tmp_path: Path) -> None:
    nothing = pd.DataFrame(columns=list(TASK_TABLE))
    page = payload(standing(tasks=nothing), tmp_path, results())
    assert len(page["targets"]["list"]) == 1
    assert "tasks" not in [overlay["name"] for overlay in page["overlays"]]
    # A ledger without a record, and a plan without a target, leave nothing but the day.
    given = planned_results()
    bare = replace(given, city=replace(given.city, ledger=replace(given.city.ledger, frame=given.city.ledger.frame.iloc[:0])))
    page = payload(standing([], tasks=nothing), tmp_path, bare)
    assert "targets" not in page


def test_a_record_of_several_shapes_is_one_task_with_one_sign_a_kind(tmp_path: Path) -> None:
    given = planned_results()
    frame = given.city.ledger.frame.copy()
    point, long, short = (frame.geometry[frame["id"] == key].iloc[0] for key in ("t1", "t6", "t6"))
    short = shapely.affinity.scale(short, 0.1, 0.1)
    shapes = [
        shapely.GeometryCollection([point, long, short]) if key == "t2" else shape
        for key, shape in zip(frame["id"], frame.geometry, strict=True)
    ]
    mixed = replace(given, city=replace(given.city, ledger=replace(given.city.ledger, frame=frame.set_geometry(shapes, crs=frame.crs))))
    page = write_map(mixed, tmp_path / "map.html", standing()).read_text(encoding="utf-8")
    overlay = tasks_of(payload_of(page))
    label = next(group.title.zh for group in TASK_GROUPS if group.name == "under_way")
    layer = read_layer(blob_of(page, overlay["blob"]))
    (row,) = [row for row, group in enumerate(layer.classes) if overlay["groups"][group]["label"] == label]
    kinds = [kind for kind, _ in layer.paths[row]]
    assert (kinds.count(POINT), kinds.count(LINE), kinds.count(SIGN)) == (1, 2, 1)
    # The sign stands in the middle of the longer line.
    sign = next(shapely.Point(places[0]) for kind, places in layer.paths[row] if kind == SIGN)
    longer = max((shapely.LineString(places) for kind, places in layer.paths[row] if kind == LINE), key=shapely.length)
    assert sign.distance(longer.interpolate(0.5, normalized=True)) < 2
    assert next(entry["count"] for entry in overlay["key"] if entry["label"] == label) == 1


def test_only_what_is_overdue_says_by_how_much(tmp_path: Path) -> None:
    page = write_map(planned_results(), tmp_path / "map.html", standing()).read_text(encoding="utf-8")
    overlay = tasks_of(payload_of(page))
    labels = [overlay["groups"][group]["label"] for group in sorted(read_layer(blob_of(page, overlay["blob"])).classes)]
    days = facts_of(overlay, blob_of(page, overlay["blob"]), "超期")
    assert days == [30 if label == "逾期未完成" else "" for label in labels]
    assert labels.count("逾期未完成") == 2


def test_hostile_words_stay_data(tmp_path: Path) -> None:
    page = write_map(planned_results(), tmp_path / "map.html", standing([target_row(title_zh=HOSTILE_TARGET)])).read_text(encoding="utf-8")
    assert HOSTILE_TASK not in page
    assert "<script>alert" not in page
    assert HOSTILE_TARGET in payload_of(page)["texts"]
    overlay = tasks_of(payload_of(page))
    assert HOSTILE_TASK in facts_of(overlay, blob_of(page, overlay["blob"]), "任务名称")


def test_the_same_standing_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_map(planned_results(), tmp_path / f"{name}.html", standing()).read_bytes() for name in "ab")
    assert first == second


def test_a_source_that_is_not_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "overview.toml").write_text('[overlays.tasks]\nsource = "ledger"\n', encoding="utf-8")
    with pytest.raises(ProjectError, match=r'overlays\.tasks: source "ledger" is not known; known: tasks'):
        map_specs(tmp_path)
    assert "tasks" in map_specs(None)["overview"].overlays


def test_what_the_project_declares_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    said = '[overlays.tasks]\nsource = "tasks"\nshown = true\nfacts = ["name", "nonsense"]\nstyle = { color = "#ffffff", weight = 1 }\n'
    (tmp_path / "maps" / "overview.toml").write_text(said, encoding="utf-8")
    given = planned_results()
    overlay = tasks_of(payload(standing(), tmp_path, replace(given, city=replace(given.city, folder=tmp_path))))
    assert overlay["shown"]
    assert [column["title"] for column in overlay["columns"]] == ["任务名称"]


@pytest.mark.parametrize(
    ("status", "due", "group"),
    [
        ("planned", "later", "planned"), ("approved", "undated", "planned"), ("started", "due", "under_way"),
        ("main_structure", "later", "under_way"), ("completed", "done", "done"), ("opened", "", "done"), ("started", "overdue", "overdue"),
        ("cancelled", "overdue", "cancelled"), ("main_structure", "done", "done"),
    ],
)  # fmt: skip
def test_every_status_has_its_group(status: str, due: str, group: str) -> None:
    assert group_of(status, due) == group


def test_records_without_ids_find_their_places() -> None:
    given = ledger()
    bare = Ledger(given.frame.assign(id="", name="x", status="started"), given.left_out, given.date)
    tasks = pd.DataFrame([row | {"id": "", "name": "x", "status": "started"} for row in task_rows()], columns=list(TASK_TABLE))
    placed = placed_tasks(standing(tasks=tasks), bare)
    assert list(placed.geometry.isna()) == list(given.frame.geometry.isna())
    later = placed_tasks(standing(tasks=tasks.assign(status="planned")), bare)  # what the day makes of a status is no other record
    assert list(later.geometry.isna()) == list(given.frame.geometry.isna())
    known = placed_tasks(standing(), given)
    assert [shape is None for shape in known.geometry] == [place is None for *_, place in TASKS]
    assert all(shape.equals(place) for shape, (*_, place) in zip(known.geometry, TASKS, strict=True) if place is not None)


@pytest.mark.parametrize(
    ("value", "unit", "exact", "shown"),
    [
        (0.168, "1", True, Text("16.8%", "16.8%")), (0.9985, "1", True, Text("99.85%", "99.85%")), (235.0, "km", True, Text("235 公里", "235 km")),
        (12.5, "km", False, Text("12.50 公里", "12.50 km")), (3e8, "CNY", True, Text("3 亿元", "300 million CNY")),
        (2.5e9, "CNY", False, Text("25 亿元", "2.5 billion CNY")), (1_250_000.0, "t", False, Text("125 万吨", "1.25 million t")),
        (500_000.0, "CNY", False, Text("50 万元", "500,000 CNY")), (9_000.0, "CNY", False, Text("9,000 元", "9,000 CNY")),
        (50.0, "count", True, Text("50 个", "50")), (np.nan, "km", False, Text("—", "—")), (4.0, "status", False, Text("已竣工", "completed")),
        (1.0, "boolean", False, Text("是", "yes")), (-5.0, "km", True, Text("-5 公里", "-5 km")),
    ],
)  # fmt: skip
def test_amounts_read_as_people_write_them(value: float, unit: str, exact: bool, shown: Text) -> None:
    assert Text(amount(value, unit, "zh", exact=exact), amount(value, unit, "en", exact=exact)) == shown


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({}, Text("2025 年 ≥ 16.8%", "≥ 16.8% by 2025")),
        ({"operator": "<=", "target": 12.0, "unit": "count", "year": 2030}, Text("2030 年 ≤ 12 个", "≤ 12 by 2030")),
        ({"operator": "trend_up", "target": np.nan}, Text("2025 年逐年上升", "rising by 2025")),
        ({"unit": "status", "target": 4.0, "wanted": "completed"}, Text("2025 年已竣工", "completed by 2025")),
        ({"operator": "exists", "target": 1.0, "unit": "boolean"}, Text("2025 年建成", "in place by 2025")),
        ({"due": "2025-12-31"}, Text("2025 年 ≥ 16.8%", "≥ 16.8% by 2025")),
        ({"due": "2025-05-01"}, Text("截至 2025-05-01 ≥ 16.8%", "≥ 16.8% by 2025-05-01")),
    ],
)  # fmt: skip
def test_goals_read_as_plans_state_them(said: dict[str, Any], shown: Text) -> None:
    row = target_row(**said)
    assert Text(goal(row, "zh"), goal(row, "en")) == shown
