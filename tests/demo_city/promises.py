"""What Zixu's two made-up plans promise, its made-up statistics, and how each promise stands on the day of its ledger, worked out on paper."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

DAY = "2026-01-05"
WEEK_BEFORE = "2025-12-29"
ACTION, REPORT = "zixu-action-plan-2024-2027", "zixu-work-report-2025"
COLUMNS = (
    "id", "clause", "area", "level", "scope", "title_zh", "title_en", "theme", "operator", "value", "unit", "tolerance", "strength",
    "baseline", "baseline_year", "year", "kind", "measure", "variant", "select", "versus", "period", "lead_unit", "standing", "successor",
    "note",
)  # fmt: skip
CITY = "子虚市"


@dataclass(frozen=True)
class Promise:
    """A target, and what is known of it beforehand: its status on ``DAY``, its value in base units, what is missing."""

    plan: str
    id: str
    zh: str
    en: str
    theme: str
    operator: str
    value: str
    unit: str
    year: str
    kind: str
    measure: str
    status: str
    known: float | None = None
    gap: float | None = None
    baseline: str = ""
    baseline_year: str = ""
    tolerance: str = ""
    strength: str = "binding"
    variant: str = ""
    select: str = ""
    versus: str = ""
    period: str = ""
    area: str = CITY
    level: str = "city"
    scope: str = "whole_territory"
    standing: str = ""
    successor: str = ""
    lead: str = ""
    why: str = ""


def _a(number: str, zh: str, en: str, *rest: str, status: str, **more: object) -> Promise:
    return Promise(ACTION, f"zixu-{number}", zh, en, *rest, status=status, **more)  # type: ignore[arg-type]


def _b(number: str, zh: str, en: str, *rest: str, status: str, **more: object) -> Promise:
    return Promise(REPORT, f"zixu-2025-{number}", zh, en, *rest, status=status, **more)  # type: ignore[arg-type]


SINCE = {"baseline": "0", "baseline_year": "2023", "period": "plan"}

PROMISES = (
    _a("pocket-parks-annual", "每年建设口袋公园", "Pocket parks built a year", "green", ">=", "50", "count/yr", "2027", "ledger", "pocket_parks_built",
       status="superseded", baseline="0", baseline_year="2023", period="year", why="city.toml says that the report's 30 count"),
    _a("old-compounds", "老旧小区改造", "Old compounds renovated", "housing", ">=", "20", "count", "2027", "ledger", "old_communities_renovated",
       status="behind", known=9, gap=11, lead="市住建局", **SINCE, why="9 of 20 = 45 %; the line is at 736 of 1,461 days = 50 %"),
    _a("public-rental", "新增公租房", "Public rental dwellings", "housing", ">=", "1500", "套", "2027", "ledger", "affordable_housing_units",
       status="on_track", known=900, gap=600, select="subtype:公租房", **SINCE, why="900 of 1,500 = 60 %"),
    _a("affordable-rental", "筹集保障性租赁住房", "Affordable rental dwellings", "housing", ">=", "2000", "套", "2024", "ledger", "affordable_housing_units",
       status="met_late", known=2100, gap=0, select="subtype:保租房", **SINCE, why="1,200 by the end of 2024, 2,100 now"),
    _a("schools", "新建学校", "Schools built", "services", ">=", "4", "所", "2025", "ledger", "schools_built", status="withdrawn", standing="withdrawn", **SINCE),
    _a("kindergartens-2024", "改扩建幼儿园（2024 年）", "Kindergartens enlarged by 2024", "services", ">=", "5", "所", "2024", "ledger", "kindergartens_expanded",
       status="carried_over", standing="carried_over", successor="zixu-kindergartens-2026", **SINCE),
    _a("kindergartens-2026", "改扩建幼儿园（2026 年）", "Kindergartens enlarged by 2026", "services", ">=", "5", "所", "2026", "ledger", "kindergartens_expanded",
       status="on_track", known=4, gap=1, **SINCE, why="4 of 5 = 80 %; the line is at 736 of 1,096 days = 67 %"),
    _a("rural-bridges", "农村公路危桥清零", "Dangerous rural bridges cleared", "transport", "==", "0", "座", "2025", "ledger", "rural_dangerous_bridges",
       status="met", known=0, gap=0, baseline="6", baseline_year="2023"),
    _a("dark-stairwells", "黑楼道清零", "Unlit stairwells cleared", "housing", "==", "0", "处", "2025", "ledger", "dark_stairwells",
       status="not_met", known=3, gap=3, baseline="40", baseline_year="2023", lead="市城管局"),
    _a("city-bridges", "城市危桥基本清零", "Dangerous city bridges as good as cleared", "transport", "==", "0", "座", "2025", "ledger", "urban_dangerous_bridges",
       status="met", known=2, baseline="40", baseline_year="2023", tolerance="0.05", why="2 left of 40 = 5 %, which the tolerance allows"),
    _a("ring-road", "环城快速路开工", "Ring expressway started", "transport", ">=", "started", "status", "2025", "ledger", "project_milestone",
       status="met", known=3, select="target", why="the record has come to its main structure"),
    _a("hospital", "海市区医院投用", "Haishi hospital in use", "services", ">=", "opened", "status", "2027", "ledger", "project_milestone",
       status="on_track", known=3, select="target", baseline="planned", baseline_year="2023", why="main structure: step 3 of 5 = 60 %"),
    _a("stadium", "水月体育场改建完成", "Shuiyue stadium rebuilt", "services", ">=", "completed", "status", "2025", "ledger", "project_milestone",
       status="not_met", known=2, select="target", lead="市体育局"),
    _a("plan-system", "国土空间规划体系建立", "Three tiers of territorial plans", "planning", "exists", "1", "boolean", "2025", "ledger", "spatial_plan_system",
       status="met", known=1),
    _a("information-model", "城市信息模型平台", "City information model", "governance", "exists", "1", "boolean", "2025", "ledger", "cim_platform",
       status="not_met", known=0),
    _a("district-plans", "区级国土空间总体规划", "District master plans", "planning", "==", "5", "count", "2025", "ledger", "spatial_plans_compiled",
       status="met", known=5, gap=0, select="subtype:区级"),
    _a("town-plans", "乡镇级国土空间总体规划", "Township master plans", "planning", "==", "3", "count", "2025", "ledger", "spatial_plans_compiled",
       status="met", known=4, gap=0, select="subtype:乡镇级", why="one more than stated"),
    _a("charging-piles", "新建公共充电桩 2400 个左右", "About 2,400 public charging piles", "transport", "~=", "2400", "count", "2025", "ledger", "charging_piles_built",
       status="met", known=2290, **SINCE, why="2,290 is above 95 % of 2,400 = 2,280"),
    _a("old-trees", "古树名木建档挂牌", "Old trees registered", "heritage", ">=", "100", "%", "2025", "ledger", "old_trees_registered",
       status="not_met", known=0.95, gap=0.05, why="19 of 20"),
    _a("secondary-water", "二次供水设施基本改造", "Pump rooms as good as renovated", "utilities", ">=", "100", "%", "2025", "ledger", "secondary_water_supply",
       status="met", known=0.96, tolerance="0.05", why="24 of 25, and 5 % are allowed"),
    _a("afforestation", "国土绿化", "Land greened", "green", ">=", "600", "亩", "2027", "ledger", "afforestation_area",
       status="on_track", known=28.0, gap=12.0, **SINCE, why="20 ha and 12 ha that share 4 ha: 28 of 40 ha = 70 %"),
    _a("dilapidated", "危旧房减少", "Dilapidated housing reduced", "housing", "trend_down", "", "m2", "2027", "ledger", "dilapidated_housing",
       status="on_track", known=7500, baseline="12000", baseline_year="2023"),
    _a("back-streets", "背街小巷整治", "Back streets improved", "governance", "trend_up", "", "count", "2027", "ledger", "back_streets_improved",
       status="on_track", known=9, baseline="2", baseline_year="2023"),
    _a("streets-lit", "街路亮化", "Streets lit", "utilities", ">=", "28", "条", "2025", "ledger", "streets_lit", status="met", known=30, gap=0, **SINCE),
    _a("historic-buildings", "历史建筑修缮", "Historic buildings repaired", "heritage", ">", "6", "栋", "2025", "ledger", "historic_buildings_repaired",
       status="not_met", known=6, **SINCE, why="more than 6 are wanted"),
    _a("park-service", "公园服务全覆盖", "Everybody near a park", "green", ">=", "100", "%", "2027", "metric", "park_service_coverage",
       status="no_data", why="there is a value but no baseline: no line can be drawn"),
    _a("residents", "常住人口", "Residents", "economy", ">=", "60", "万人", "2025", "metric", "population", status="met", known=612_000, gap=0),
    _a("stations", "轨道站点 800 米基本全覆盖", "Rail stations within 800 m of nearly everybody", "transport", ">=", "95", "%", "2025", "metric",
       "rail_station_800m_coverage", status="not_met"),
    _a(
        "road-area", "建成区道路面积率", "Road area ratio of the built-up area", "transport", ">=", "16.8", "%", "2025", "metric",
        "road_area_ratio", status="not_met", variant="statistic", why="the made-up yearbook says 17.9 %, which is not what is measured",
    ),
    _a("rail-length", "轨道交通运营里程", "Urban rail in operation", "transport", ">=", "40", "km", "2027", "metric", "rail_length", status="behind",
       baseline="12", baseline_year="2023", why="the two lines are 8,008 and 10,589 m long, and the line from 12 to 40 km is at 26 after two years"),
    _a("parking", "停车泊位供给", "Parking spaces for every vehicle", "transport", ">=", "1.2", "1", "2027", "awaited", "parking_supply", status="not_measurable"),
    _a("road-density", "城区路网密度", "Road density of the urban area", "transport", ">=", "8", "km/km2", "2027", "metric", "road_network_density",
       status="not_comparable", scope="urban_area", why="the metric is of the built-up area"),
    _a("shuiyue-compounds", "水月区老旧小区改造", "Old compounds of Shuiyue renovated", "housing", ">=", "4", "count", "2027", "ledger", "old_communities_renovated",
       status="on_track", known=3, gap=1, area="水月区", level="district", **SINCE),
    _a("penglai-residents", "蓬莱区常住人口", "Residents of Penglai", "economy", ">=", "10", "万人", "2025", "metric", "population",
       status="not_comparable", area="蓬莱区", level="district", why="there is no such district"),
    _a("gdp", "地区生产总值", "Gross domestic product", "economy", ">=", "500", "亿元", "2030", "statistic", "gdp_total",
       status="on_track", known=370e8, gap=130e8, strength="stretch", baseline="300", baseline_year="2023", why="70 of 200 = 35 %; the line is at 29 %"),
    _a("urbanization", "城镇化率", "Urban share of residents", "economy", ">=", "80", "%", "2027", "statistic", "urbanization_rate",
       status="behind", known=0.73, gap=0.07, baseline="70", baseline_year="2023", why="3 of 10 points = 30 %; the line is at 50 %"),
    _a("carbon", "碳排放下降", "Carbon emissions falling", "environment", "trend_down", "", "万吨", "2027", "statistic", "carbon_emissions",
       status="on_track", known=505e4, why="520 in 2023, 505 in 2025"),
    _a("heating", "集中供热普及率", "District heating coverage", "utilities", ">=", "90", "%", "2024", "statistic", "heating_coverage",
       status="met_late", known=0.91, gap=0, why="89 % in 2024, 91 % in 2025"),
    _a("leakage", "供水管网漏损率", "Water leakage", "utilities", "<=", "10.5", "%", "2025", "statistic", "water_leakage_rate",
       status="not_met", known=0.112, why="the report says 10: nobody has decided which counts"),
    _b("pocket-parks", "新建口袋公园", "Pocket parks built", "green", ">=", "30", "count", "2025", "ledger", "pocket_parks_built", status="met", known=31, gap=0, period="year"),
    _b("dead-ends", "打通断头路", "Dead-end roads opened", "transport", ">=", "12", "条", "2025", "ledger", "dead_end_roads_opened",
       status="not_met", known=9, gap=3, period="year", lead="市交通局"),
    _b("growth", "地区生产总值增长", "Growth of the product", "economy", ">=", "5.5", "%", "2025", "statistic", "gdp_growth", status="met", known=0.056),
    _b("leakage", "供水管网漏损率", "Water leakage", "utilities", "<=", "10", "%", "2025", "statistic", "water_leakage_rate", status="not_met", known=0.112, gap=0.012),
    _b("unemployment", "登记失业率", "Registered unemployment", "economy", "<", "4", "%", "2025", "statistic", "unemployment_rate", status="met", known=0.036),
    _b("gas", "管道燃气普及率", "Piped gas coverage", "utilities", ">", "96", "%", "2025", "statistic", "gas_coverage", status="not_met", known=0.96, why="exactly 96 % is not more"),
    _b("prices", "居民消费价格涨幅", "Consumer prices", "economy", "<=", "2", "%", "2025", "statistic", "cpi", status="no_data", why="no figure was given"),
    _b("jobs", "城镇新增就业", "Urban jobs added", "economy", ">=", "42000", "人", "2025", "statistic", "urban_jobs_added", status="met", known=45_000, gap=0, select="series:urban"),
    _b("grain", "粮食产量", "Grain", "economy", ">=", "60000", "t", "2025", "statistic", "grain_output",
       status="not_met", known=55_000, gap=5_000, why="1.1 亿斤 = 110 million jin of 0.5 kg"),
    _b("haishi-growth", "海市区增速高于全市", "Haishi grows faster than the city", "economy", ">", "0", "个百分点", "2025", "statistic", "gdp_growth",
       status="met", known=0.005, area="海市区", level="district", versus=f"area:{CITY}", why="6.1 % against 5.6 %"),
    _b("air", "优良天数比例上升", "More good-air days", "environment", "trend_up", "", "%", "2025", "statistic", "good_air_days",
       status="not_met", known=0.86, why="88 % the year before"),
)  # fmt: skip

STATISTICS = (
    (CITY, "gdp_total", "", "2023", "300", "亿元"), (CITY, "gdp_total", "", "2024", "340", "亿元"), (CITY, "gdp_total", "", "2025", "370", "亿元"),
    (CITY, "gdp_growth", "", "2025", "5.6", "%"), ("海市区", "gdp_growth", "", "2025", "6.1", "%"), ("乌有区", "gdp_growth", "", "2025", "5.2", "%"),
    (CITY, "urbanization_rate", "", "2023", "70", "%"), (CITY, "urbanization_rate", "", "2025", "73", "%"),
    (CITY, "carbon_emissions", "", "2023", "520", "万吨"), (CITY, "carbon_emissions", "", "2025", "505", "万吨"),
    (CITY, "heating_coverage", "", "2024", "89", "%"), (CITY, "heating_coverage", "", "2025", "91", "%"),
    (CITY, "water_leakage_rate", "", "2024", "12.4", "%"), (CITY, "water_leakage_rate", "", "2025", "11.2", "%"),
    (CITY, "unemployment_rate", "", "2025", "3.6", "%"), (CITY, "gas_coverage", "", "2025", "96.0", "%"),
    (CITY, "urban_jobs_added", "城镇新增就业", "2025", "4.5", "万人"), (CITY, "grain_output", "", "2025", "1.1", "亿斤"),
    (CITY, "good_air_days", "", "2024", "88", "%"), (CITY, "good_air_days", "", "2025", "86", "%"),
    (CITY, "road_area_ratio", "", "2025", "17.9", "%"),
    (CITY, "sewage_treatment_rate", "", "2025", "约九成", "%"),  # no number: left out
    (CITY, "gdp_total", "", "2022", "28", "万吨"),  # tonnes are no money: left out
)  # fmt: skip


def plan_csv(plan: str) -> str:
    """The CSV of a plan."""
    rows = [
        (
            each.id, f"{number}", each.area, each.level, each.scope, each.zh, each.en, each.theme, each.operator, each.value, each.unit,
            each.tolerance, each.strength, each.baseline, each.baseline_year, each.year, each.kind, each.measure, each.variant, each.select,
            each.versus, each.period, each.lead, each.standing, each.successor, "synthetic",
        )
        for number, each in enumerate((each for each in PROMISES if each.plan == plan), start=1)
    ]  # fmt: skip
    return _csv(COLUMNS, rows)


def statistics_csv() -> str:
    """The CSV of the statistics."""
    return _csv(("area", "metric", "series", "year", "value", "unit", "source"), [(*row, "子虚统计年鉴 synthetic") for row in STATISTICS])


def _csv(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([head, *rows])
    return out.getvalue()


def outcomes_toml() -> str:
    """What is known of every target beforehand, for ``outcomes.toml``."""
    import json

    lines = [
        "# How every target of the demo city stands on the day of its ledger, worked out from its plan (tests/demo_city/promises.py), never measured by the",
        "# package. value and gap are in base units; a target without them is only known by its status.",
    ]
    for each in PROMISES:
        lines += ["", "[[outcome]]", f'target = "{each.id}"', f'plan = "{each.plan}"', f'status = "{each.status}"']
        lines += [f"value = {float(each.known)!r}"] if each.known is not None else []
        lines += [f"gap = {float(each.gap)!r}"] if each.gap is not None else []
        lines += [f"why = {json.dumps(each.why)}"] if each.why else []
    return "\n".join(lines) + "\n"
