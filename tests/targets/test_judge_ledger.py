"""Targets held against a ledger: increments and stocks, statuses, what is left, what the districts carry, and who has it in hand."""

import math
from dataclasses import replace
from datetime import date
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyproj
import pytest
from shapely import Point

from spatial.ledger import reading
from spatial.ledger.records import LEFT_OUT
from spatial.measurement import measure
from spatial.plan_toml import TableFile
from spatial.sources.options import FileOptions
from spatial.targets.judge import judge, judgement
from spatial.targets.model import Plan
from spatial.text import Text
from tests.analytic_city import CORNERS, SOUTH, WEST, analytic_city
from tests.targets.test_operators import target

NAN = math.nan
DAY = date(2025, 6, 30)
PLAN = Plan("p", Text("规划", "Plan"), "子虚市", Text("市政府", "The city"), "in_force", "2021", Path("p.csv"))
DECLARED = {
    "gardens": 'kind = "count"\nperiod = "year"\ntypes = ["口袋园"]',
    "homes": 'kind = "count"\nquantity = "quantity"\nunit = "dwellings"\nperiod = "plan"\ntypes = ["安居房"]',
    "shelters": 'kind = "count"\ntypes = ["避难所"]',
    "bad_bridges": 'kind = "remaining"\ntypes = ["危桥"]',
    "filed_trees": 'kind = "ratio"\nunit = "1"\ntypes = ["古木"]',
    "tiers": 'kind = "exists"\nunit = "boolean"\ntypes = ["体系"]\neach = ["总体", "专项", "详细"]',
    "works": 'kind = "count"\nrequired = "started"\ntypes = ["工程"]',
}
COLUMNS = (
    "id",
    "name",
    "type",
    "status",
    "status_date",
    "start_date",
    "district",
    "quantity",
    "unit",
    "subtype",
    "target_id",
    "lead_unit",
    "assisting_unit",
)


def records():
    """Rows of a ledger of 30 June 2025, most on the map in a district.

    gardens: three of 2025 count (two in D1, one in D2), one of 2024, two are open (D1, D3).
    homes: 300 of 2022 and 200 of 2025 in D1 and D4 of 1,000; 400 are open in D2 and 100 in D3.
    shelters: two of 2020, one of 2023, one open.
    bad_bridges: of ten six are repaired, one a year from 2020; four are left, three in D1 and one in D2.
    """
    rows = []

    def add(kind, district, status, day="", **more):
        rows.append(
            {
                "type": kind,
                "status": status,
                "status_date": day,
                "name": f"{kind}{len(rows)}",
                "at": district,
                "id": f"r{len(rows)}",
                **more,
            }
        )

    for district, status, day in (
        ("D1", "已竣工", "2025-02-01"),
        ("D1", "已投用", "2025-04-30"),
        ("D2", "已竣工", "2025-06-30"),
        ("D3", "已竣工", "2024-12-31"),
    ):
        add("口袋园", district, status, day)
    add("口袋园", "D1", "在建", "2025-03-01", lead_unit="园林局", assisting_unit="一区")
    add("口袋园", "D3", "谋划", lead_unit="园林局", assisting_unit="三区")
    homes = (
        ("D1", "已竣工", "2022-05-01", "300"),
        ("D4", "已竣工", "2025-05-01", "200"),
        ("D2", "在建", "2024-05-01", "400"),
        ("D3", "谋划", "", "100"),
    )
    for district, status, day, number in homes:
        add(
            "安居房",
            district,
            status,
            day,
            quantity=number,
            unit="套",
            subtype="公租房" if district in ("D1", "D2") else "保租房",
            lead_unit="住建局",
        )
    for status, day in (("已竣工", "2020-03-01"), ("已竣工", "2020-09-01"), ("已竣工", "2023-06-01"), ("在建", "2024-01-01")):
        add("避难所", "D4", status, day)
    for year in range(2020, 2026):
        add("危桥", "D3", "已竣工", f"{year}-06-01")
    for district in ("D1", "D1", "D1", "D2"):
        add("危桥", district, "谋划")
    for status, day in (("已竣工", "2023-01-01"), ("已竣工", "2024-01-01"), ("已竣工", "2025-01-01"), ("在建", "")):
        add("古木", "", status, day)
    for subtype, status in (("总体", "已竣工"), ("专项", "已竣工"), ("详细", "在建")):
        add("体系", "", status, "2023-01-01", subtype=subtype)
    add("工程", "D1", "已竣工", "2024-06-01", target_id="w1")
    add("工程", "D1", "主体完工", "2025-01-01", target_id="w1;w2")
    add("工程", "D2", "取消", "2025-01-01", target_id="w3")
    add("工程", "D1", "已竣工", "2025-05-01", target_id="w5", start_date="2023-03-01")
    return rows


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    (folder / "data" / "ledger").mkdir(parents=True)
    for name, said in DECLARED.items():
        title = f'title = {{ zh = "{name}", en = "{name}" }}\ndefinition = {{ zh = "测试", en = "a test" }}\n'
        (folder / "data" / "ledger" / f"{name}.toml").write_text(title + said, encoding="utf-8")
    made = replace(analytic_city(), name="子虚市", folder=folder)
    rows = records()
    # 55 m apart: no two are one
    spots = [
        Point(WEST + CORNERS[row["at"]][0] + 100 + 55 * number, SOUTH + CORNERS[row["at"]][1] + 150) if row["at"] else None
        for number, row in enumerate(rows)
    ]
    cells = {name: [row.get(name, "") for row in rows] for name in COLUMNS}
    frame = gpd.GeoDataFrame(
        {**cells, "row": [str(number + 2) for number in range(len(rows))]}, geometry=gpd.GeoSeries(spots, crs=made.crs).to_crs(4326)
    )
    file = TableFile(Path("ledger.csv"), FileOptions(), date=DAY)
    ledger = reading.make_ledger(frame, file, crs=pyproj.CRS(made.crs), boundary=made.total().whole[0], where="ledger")
    assert ledger.left_out.empty
    return replace(made, ledger=ledger)


def asked(operator, value, measure, unit="count", **more):
    return target(operator, value, **{"kind": "ledger", "measure": measure, "unit": unit, "area": "子虚市", "id": measure, **more})


def held(wanted, city, day=DAY, plan=PLAN):
    return judge([wanted], {"p": plan}, city, None, day=day).set_index("area_id")


def test_a_year_begins_at_nothing(city):
    """Three gardens of eight by the end of 2025, 181 of 365 days are over: 37.5 % of 49.6 %."""
    table = held(asked(">=", 8.0, "gardens"), city)
    row = table.loc["city"]
    assert (row["value"], row["progress"], row["expected"]) == (3, 0.375, pytest.approx(181 / 365))
    assert (row["status"], row["gap"], row["baseline"]) == ("behind", 5, 0)
    assert (row["projects"], row["lead_unit"], row["assisting_unit"]) == ("r4;r5", "园林局", "一区；三区")
    assert held(asked(">=", 6.0, "gardens"), city).loc["city", "status"] == "on_track"
    met = held(asked(">=", 2.0, "gardens"), city).loc["city"]
    assert (met["status"], met["reached"]) == ("met", "2025-04-30")


def test_what_is_done_stays_and_what_is_missing_goes_where_it_is_open(city):
    """Of nine gardens D1 built two and D2 one; six are missing, and D1 and D3 have one each in hand: three more for either."""
    table = held(asked(">=", 9.0, "gardens"), city)
    assert list(table.loc[["D1", "D2", "D3", "D4"], "target"]) == [5, 1, 3, 0]
    assert list(table.loc[["D1", "D2", "D3", "D4"], "value"]) == [2, 1, 0, 0]
    assert list(table.loc[["D1", "D2", "D3", "D4"], "status"]) == ["behind", "met", "behind", "met"]
    assert table.loc["D1", "projects"] == "r4"
    assert table.loc["D3", "assisting_unit"] == "三区"
    assert table["indicative"].tolist() == [False, True, True, True, True]


def test_a_year_that_is_over(city):
    """At the end of June 2025, 2024 had one garden; three more have come since."""
    row = held(asked(">=", 1.0, "gardens", year=2024), city).loc["city"]
    assert (row["status"], row["value"], row["reached"]) == ("met", 1, "2024-12-31")
    late = held(asked(">=", 4.0, "gardens", year=2024), city).loc["city"]
    assert (late["status"], late["value"], late["reached"]) == ("met_late", 4, "2025-06-30")
    assert held(asked(">=", 5.0, "gardens", year=2024), city).loc["city", "status"] == "not_met"


def test_a_year_that_has_not_begun_is_not_met_by_another(city):
    """Three gardens of 2025 are no garden of 2026: on track for two as long as a year gives three, and behind for eight, of which half is due by now."""
    two = held(asked(">=", 2.0, "gardens", year=2026), city).loc["city"]
    assert (two["status"], two["value"], two["gap"], two["reached"]) == ("on_track", 3, 0, "")
    assert "2026 has not begun: the number is of 2025" in two["note_en"]
    eight = held(asked(">=", 8.0, "gardens", year=2026), city).loc["city"]
    assert (eight["status"], eight["expected"]) == ("behind", pytest.approx(181 / 365))
    assert held(asked(">=", 6.0, "gardens", year=2026), city).loc["city", "status"] == "on_track"


def test_a_plan_asks_nothing_of_the_years_before_it(city):
    """A plan of 2026: the three gardens of 2025 are none of it, and in June 2025 nothing is due."""
    row = held(asked(">=", 2.0, "gardens", year=2026, baseline_year=2025), city).loc["city"]
    assert (row["status"], row["value"], row["expected"], row["gap"]) == ("on_track", 0, 0, 2)


def test_a_ledger_that_ends_before_the_year_says_nothing_of_it(city):
    """A ledger of June 2025 knows no garden of 2026, and not that there are none."""
    row = held(asked(">=", 8.0, "gardens", year=2026), city, day=date(2026, 3, 1)).loc["city"]
    assert (row["status"], math.isnan(row["value"]), "the ledger ends on 2025-06-30" in row["note_en"]) == ("no_data", True, True)


def test_a_limit_is_kept_to_until_the_end(city):
    """At most five gardens of 2025: three are there in June, and more may come. In 2024 there was one: that is over."""
    row = held(asked("<=", 5.0, "gardens"), city).loc["city"]
    assert (row["status"], row["gap"], math.isnan(row["forecast_year"])) == ("on_track", 0, True)
    assert held(asked("<=", 5.0, "gardens", year=2024), city).loc["city", "status"] == "met"
    assert held(asked("==", 0.0, "gardens"), city).loc["city", "status"] == "behind"


def test_an_old_ledger_is_held_against_the_line_of_its_own_day(city):
    """Three of six gardens by 30 June, 181 of 365 days: on the line then, and in August nothing newer is known. At that pace it ends with the year."""
    june, august = (held(asked(">=", 6.0, "gardens"), city, day=day).loc["city"] for day in (DAY, date(2025, 8, 1)))
    assert (august["status"], august["expected"]) == (june["status"], june["expected"]) == ("on_track", pytest.approx(181 / 365))
    assert august["forecast_year"] == june["forecast_year"]


def test_homes_of_a_plan(city):
    """500 of 1,000 dwellings since the end of 2020, 1,642 of 1,826 days; the public ones alone are 300 of 2022."""
    row = held(asked(">=", 1000.0, "homes", "dwellings"), city).loc["city"]
    assert (row["value"], row["progress"], row["expected"]) == (500, 0.5, pytest.approx(1642 / 1826))
    assert row["status"] == "behind"
    assert row["forecast_year"] == pytest.approx(2020.997 + 2 * 1642 / 365.25, abs=0.02)
    assert "what was added after 2020-12-31" in row["note_en"]
    public = held(asked(">=", 300.0, "homes", "dwellings", select="subtype:公租房"), city).loc["city"]
    assert (public["value"], public["status"], public["reached"]) == (300, "met", "2022-05-01")
    young = held(asked(">=", 1000.0, "homes", "dwellings", baseline_year=2024, baseline=0.0), city).loc["city"]
    assert young["value"] == 200
    split = held(asked(">=", 1000.0, "homes", "dwellings"), city)
    # 500 are missing, 400 : 100 are open in D2 and D3
    assert list(split.loc[["D1", "D2", "D3", "D4"], "target"]) == [300, 400, 100, 200]
    nowhere = held(asked(">=", 1000.0, "homes", "dwellings"), city, plan=replace(PLAN, issued="")).loc["city"]
    assert (nowhere["status"], "where the increment begins" in nowhere["note_en"]) == ("no_data", True)


def test_the_ledger_is_its_own_baseline(city):
    """Two shelters at the end of 2020, three now, four by 2025: half of the way; with a stated baseline of 1 two thirds."""
    row = held(asked(">=", 4.0, "shelters"), city).loc["city"]
    assert (row["value"], row["baseline"], row["progress"], row["status"]) == (3, 2, 0.5, "behind")
    assert "the baseline is the ledger's own of 2020-12-31" in row["note_en"]
    stated = held(asked(">=", 4.0, "shelters", baseline=1.0, baseline_year=2019), city).loc["city"]
    assert stated["progress"] == pytest.approx(2 / 3)
    unknown = held(asked(">=", 4.0, "shelters"), city, plan=replace(PLAN, issued="")).loc["city"]
    assert (unknown["status"], unknown["progress"]) == ("no_data", 0.75)


def test_what_is_left_falls(city):
    """Nine bridges were left at the end of 2020, four are: five ninths of the way to none. By area only the open ones tell."""
    table = held(asked("==", 0.0, "bad_bridges"), city)
    row = table.loc["city"]
    assert (row["value"], row["baseline"], row["progress"], row["gap"], row["status"]) == (4, 9, pytest.approx(5 / 9), 4, "behind")
    assert list(table["target"]) == [0, 0, 0, 0, 0]
    assert table.loc["D3", ["value", "status", "reached"]].tolist() == [0, "met", ""]
    assert table.loc["D1", "projects"].count(";") == 2
    two = held(asked("<=", 2.0, "bad_bridges"), city)  # 3 : 1 of two: 1.5 and 0.5, of equal halves the first
    assert list(two.loc[["D1", "D2", "D3", "D4"], "target"]) == [2, 0, 0, 0]


def test_what_is_left_falls_without_a_baseline(city):
    """Four bridges are left, about two or two are asked: two too many, in D1 (3 left) and nowhere else (D2: 1). Five would do."""
    for operator in ("==", "~="):
        table = held(asked(operator, 2.0, "bad_bridges"), city)
        assert (table.loc["city", "status"], table.loc["city", "gap"]) == ("behind", 2)
        assert held(asked(operator, 5.0, "bad_bridges"), city).loc["city", "status"] == "met"
    stated = held(asked("==", 2.0, "bad_bridges", baseline=9.0, baseline_year=2020), city)
    assert list(stated.loc[["D1", "D2"], ["target", "value"]].to_numpy().ravel()) == [2, 3, 0, 1]
    assert list(stated.loc[["D1", "D2"], "gap"]) == [1, 1]
    assert "met" not in set(stated.loc[["D1", "D2"], "status"])


def test_an_increment_grows_whatever_the_plan_calls_its_baseline(city):
    """Nine gardens of the year before, about eight of this one: three are there, and five are missing."""
    row = held(asked("~=", 8.0, "gardens", baseline=9.0, baseline_year=2024), city).loc["city"]
    assert (row["status"], row["gap"], row["baseline"]) == ("behind", 5, 0)


def test_a_share_of_a_list(city):
    """Three of four trees are filed, two were at the end of 2024, none at the end of 2020."""
    table = held(asked(">=", 1.0, "filed_trees", "1", tolerance=0.05), city)
    assert list(table.index) == ["city"]  # no tree says where it stands: the districts have nothing to be held against
    assert (table.loc["city", "value"], table.loc["city", "progress"]) == (0.75, 0.75)
    assert held(asked(">=", 0.75, "filed_trees", "1"), city).loc["city", "reached"] == "2025-01-01"


def test_three_tiers_must_exist(city):
    row = held(asked("exists", 3.0, "tiers", "boolean"), city).loc["city"]
    assert (row["value"], row["gap"], row["status"]) == (2, 1, "behind")
    assert held(asked("exists", 2.0, "tiers", "boolean"), city).loc["city", "status"] == "met"
    assert held(asked("exists", 1.0, "tiers", "boolean"), city).loc["city", "value"] == 0  # as a whole it is not there


def test_a_named_project_is_held_against_a_status(city):
    """Two records name w1: completed (4) and main structure (3): the slower one counts. w3 was cancelled, nobody names w4."""

    def project(identity, wanted, rank, **more):
        return held(asked(">=", float(rank), "works", "status", id=identity, wanted=wanted, select="target", **more), city).loc["city"]

    assert (project("w1", "completed", 4)["value"], project("w1", "completed", 4)["status"]) == (3, "behind")
    assert project("w1", "completed", 4)["projects"] == "r32"  # started long ago, but that is not what was promised
    started = project("w1", "started", 2)
    assert started["projects"] == ""
    assert (started["status"], started["reached"]) == ("met", "2025-01-01")
    assert project("w1", "completed", 4, year=2024)["status"] == "not_met"
    assert project("w1", "started", 2, year=2024)["status"] == "met_late"
    assert project("w2", "main_structure", 3)["status"] == "met"
    late = project("w2", "started", 2, year=2024)
    assert (late["status"], "when it came to the one that is asked is not known" in late["note_en"]) == ("met_late", True)
    assert project("w5", "started", 2, year=2024)["status"] == "met"  # its start_date says so, though it was completed later
    assert project("w5", "completed", 4, year=2024)["status"] == "met_late"
    assert project("w3", "started", 2)["status"] == "no_data"
    assert project("w4", "started", 2)["status"] == "no_data"


def test_trends_of_the_ledger(city):
    """Three gardens this year to 30 June, none in the same stretch of 2024; bridges fall; three shelters after two."""
    gardens = held(asked("trend_up", NAN, "gardens"), city).loc["city"]
    assert (gardens["status"], "same stretch of the year before, to 2024-06-30" in gardens["note_en"]) == ("on_track", True)
    assert held(asked("trend_down", NAN, "bad_bridges"), city).loc["city", "status"] == "on_track"
    assert held(asked("trend_down", NAN, "bad_bridges", year=2024), city).loc["city", "status"] == "met"
    assert held(asked("trend_down", NAN, "shelters"), city).loc["city", "status"] == "behind"
    unknown = held(asked("trend_up", NAN, "shelters"), city, plan=replace(PLAN, issued="")).loc["city"]
    assert unknown["status"] == "no_data"


def test_a_district_answers_for_its_records(city):
    table = held(asked(">=", 2.0, "gardens", area="D1"), city)
    assert list(table.index) == ["D1"]
    assert (table.loc["D1", "value"], table.loc["D1", "status"], table.loc["D1", "reached"]) == (2, "met", "2025-04-30")


def test_an_earlier_and_a_later_day(city):
    """On 28 February 2025 one garden of the year was built. On 1 August the ledger still is of June, and says so."""
    early = held(asked(">=", 8.0, "gardens"), city, day=date(2025, 2, 28)).loc["city"]
    assert (early["value"], early["expected"]) == (1, pytest.approx(59 / 365))
    late = held(asked(">=", 8.0, "gardens"), city, day=date(2025, 8, 1)).loc["city"]
    assert (late["value"], "the ledger ends on 2025-06-30" in late["note_en"]) == (3, True)
    over = held(asked(">=", 8.0, "gardens"), city, day=date(2026, 1, 1)).loc["city"]
    assert (over["status"], "the data end on 2025-06-30" in over["note_en"]) == ("no_data", True)


def test_no_record_is_not_none(city):
    bare = replace(city, ledger=replace(city.ledger, frame=city.ledger.frame.iloc[:0]))
    assert held(asked("==", 0.0, "bad_bridges"), bare).loc["city", "status"] == "no_data"
    complete = replace(bare, ledger=replace(bare.ledger, complete_for=("危桥",)))
    assert held(asked("==", 0.0, "bad_bridges"), complete).loc["city", "status"] == "met"


def test_what_does_not_fit(city):
    assert held(asked(">=", 8.0, "gardens", "t"), city).loc["city", "status"] == "not_comparable"
    row = held(asked(">=", 8.0, "gardenz"), city).loc["city"]
    assert (row["status"], row["note_en"]) == ("no_data", "the ledger metric gardenz is not declared")
    told = held(asked(">=", 2.0, "gardens", scope="main_urban_area"), city).loc["city"]
    assert (told["status"], "records and statistics state no scope" in told["note_en"]) == ("met", True)


def test_rows_that_were_no_record_are_told_once(city):
    """Two rows of the file could not be read: the city's row says so, and its districts' rows need not repeat it."""
    said = pd.DataFrame([("ledger", "7", "x", "", "坏", "bad"), ("ledger", "8", "y", "", "坏", "bad")], columns=list(LEFT_OUT))
    table = held(asked(">=", 8.0, "gardens"), replace(city, ledger=replace(city.ledger, left_out=said)))
    told = "2 rows of the ledger, of whatever type, could not be used"
    assert [told in note for note in table["note_en"]] == [True, False, False, False, False]


def test_what_is_striven_for_stands_apart(city):
    """力争: judged alike, and marked."""
    binding, stretch = (held(asked(">=", 8.0, "gardens", strength=strength), city) for strength in ("binding", "stretch"))
    assert set(stretch["strength"]) == {"stretch"}
    assert list(binding["status"]) == list(stretch["status"])


def test_the_owner_that_the_plan_names_comes_first(city):
    assert held(asked(">=", 8.0, "gardens", lead_unit="市政府办"), city).loc["city", "lead_unit"] == "市政府办"


def test_a_grid_carries_no_plan(city):
    """400 cells of 200 m: the city's row alone."""
    results = measure(city, ["built_up_area"], by="grid:200")
    assert len(results.areas) > 300
    assert list(judge([asked(">=", 8.0, "gardens")], {"p": PLAN}, city, results, day=DAY)["area_id"]) == ["city"]


def test_records_that_do_not_count_are_listed_with_their_metric(city):
    """One garden stands twice: the second is told once, however many targets ask for gardens."""
    frame = city.ledger.frame
    again = frame.iloc[[0]].assign(id="r99", row="99")
    twice = replace(city, ledger=replace(city.ledger, frame=pd.concat([frame, again], ignore_index=True)))
    asks = [asked(">=", 8.0, "gardens"), asked(">=", 9.0, "gardens", id="more"), asked(">=", 1.0, "homes", "dwellings")]
    found = judgement(asks, {"p": PLAN}, twice, None, day=DAY)
    assert found.table["value"].iloc[0] == 3
    assert found.left_out[["id", "row", "reason_en"]].to_numpy().tolist() == [["r99", "99", "gardens: duplicate of: r0"]]
    assert tuple(found.left_out.columns) == LEFT_OUT
    assert tuple(judgement(asks, {"p": PLAN}, city, None, day=DAY).left_out.columns) == LEFT_OUT
