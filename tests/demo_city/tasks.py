"""The made-up ledger of Zixu (台账): records planted so that what they come to is known, and one of every way in which a row can be of no use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from tests.demo_city import plan
from tests.demo_city.plan import DISTRICTS, draw

LAYER = "台账"
COLUMNS = {
    "编号": "id", "名称": "name", "类别": "type", "子类": "subtype", "所在区": "district", "对应目标": "target_id", "单位": "unit", "数量": "quantity",
    "进展": "status", "进展日期": "status_date", "开工日期": "start_date", "完成时限": "due_date", "牵头单位": "lead_unit", "配合单位": "assisting_unit",
    "投资": "investment", "资金来源": "investment_source", "受益人口": "people", "佐证": "evidence", "验收文号": "acceptance", "整治前": "before", "整治后": "after",
    "解决问题": "answers",
}  # fmt: skip
W, J, M, S, H = "990101", "990102", "990103", "990104", "990105"
SHORT = {code: name.split()[0] for code, (name, _) in DISTRICTS.items()}
ROUND = (W, J, M, S, H)


@dataclass(frozen=True)
class Task:
    """One row of the ledger; dates as an office writes them."""

    id: str
    name: str
    type: str
    where: str = ""
    status: str = "已竣工"
    on: str = ""
    subtype: str = ""
    target: str = ""
    unit: str = ""
    quantity: str = ""
    due: str = ""
    start: str = ""
    lead: str = ""
    assisting: str = ""
    money: str = ""
    source: str = ""
    people: str = ""
    evidence: str = ""
    acceptance: str = ""
    before: str = ""
    after: str = ""
    answers: str = ""
    shape: str = "point"  # point, none, far, or square:m2, strip:m
    geometry: shapely.Geometry | None = None

    def row(self, shown_district: bool = True) -> dict[str, object]:
        """As it stands in the file."""
        cells = (
            self.id, self.name, self.type, self.subtype, SHORT.get(self.where, self.where), self.target, self.unit, self.quantity, self.status,
            self.on, self.start, self.due, self.lead, self.assisting, self.money, self.source, self.people, self.evidence, self.acceptance,
            self.before, self.after, self.answers,
        )  # fmt: skip
        return {**dict(zip(COLUMNS, cells, strict=True)), "geometry": self.geometry or self.placed()}

    def placed(self) -> shapely.Geometry | None:
        """Its place in the city, metres: somewhere inside its district, well away from the edge."""
        if self.shape == "none" or (not self.where and self.shape != "far"):
            return None
        if self.shape == "far":
            return shapely.Point(plan.CENTRE[0] + 60_000, plan.CENTRE[1])
        x, y = spot(self.where, self.id)
        kind, _, size = self.shape.partition(":")
        east, north = (float(each) for each in plan.warp(x, y))
        if kind == "square":
            half = float(size) ** 0.5 / 2
            return shapely.box(east - half, north - half, east + half, north + half)
        if kind == "strip":
            return shapely.LineString([(east, north), (east + float(size), north)])
        return shapely.Point(east, north)


def spot(code: str, *key: object) -> tuple[float, float]:
    """A place in a district, plan metres."""
    west, south, east, north = DISTRICTS[code][1]
    if code in (W, J, M):  # between river and railway
        south, north = south + 300, north - 300
    return west + (east - west) * (0.15 + 0.7 * draw("task", *key)), south + (north - south) * (0.15 + 0.7 * draw("y", *key))


def _many(code: str, name: str, count: int, **more: str) -> Iterator[Task]:
    """Records of one kind, district after district."""
    for number in range(1, count + 1):
        where = ROUND[(number - 1) % 5]
        yield Task(f"{code}-{number:03d}", f"{SHORT[where][:2]}{name}{number}", where=where, **more)  # type: ignore[arg-type]


def tasks() -> list[Task]:
    """The ledger on its day: what counts first, then what must not."""
    going = "已开工"
    rows: list[Task] = []
    # 29 parks by polygon, one without a place but with its district, one with neither: 31 of the year.
    rows += _many("KP", "口袋公园", 29, type="口袋公园", on="2025-09-20", shape="square:2400", lead="市林园局", money="180万元", source="市级财政", people="1200",
                  acceptance="子园验〔2025〕12号")  # fmt: skip
    rows += [
        Task("KP-030", "无图口袋公园", "口袋公园", S, on="2025/10/8", shape="none"),
        Task("KP-031", "无址口袋公园", "口袋公园", on="2025年11月2日", shape="none"),
        Task("KP-101", "去年口袋公园", "口袋公园", W, on="2024-08-01", shape="square:1500"),
        Task(
            "KP-102",
            "在建口袋公园",
            "口袋公园",
            J,
            going,
            "2025-10-01",
            due="2025-11-30",
            shape="square:1500",
            lead="市林园局",
            assisting="镜花区政府",
        ),
        Task("KP-103", "取消口袋公园", "口袋公园", M, "已取消", "2025-05-01", shape="square:1500"),
        Task("KP-104", "太小的口袋公园", "口袋公园", W, on="2025-06-01", shape="square:399"),
        Task("KP-105", "太大的口袋公园", "口袋公园", S, on="2025-06-01", shape="square:10001"),
        Task("KP-106", "境外口袋公园", "口袋公园", on="2025-06-01", shape="far"),
        Task("KP-107", "明年口袋公园", "口袋公园", W, on="2026-03-01", shape="square:900"),
        Task("KP-108", "日期不存在的口袋公园", "口袋公园", W, on="2025-02-30", shape="square:900"),
    ]
    rows.append(replace(rows[0], id="KP-109", geometry=rows[0].placed()))  # the same park under another number
    # 9 dead ends of the year, each with before and after, one of the year before, two under way.
    rows += _many("DT", "断头路", 9, type="断头路", on="2025-08-15", shape="strip:120", before="前.jpg", after="后.jpg", lead="市交通局", money="600万元", source="专项债券",
                  people="3500", acceptance="子交验〔2025〕7号")  # fmt: skip
    rows += [
        Task(
            "DT-101",
            "槐安路东延",
            "断头路",
            M,
            going,
            "2025-04-01",
            due="2025-12-31",
            shape="strip:150",
            lead="市交通局",
            assisting="亡是区政府",
            money="900万元",
            source="市级财政",
            people="5200",
        ),
        Task("DT-102", "空山路西延", "断头路", H, "谋划", "2025-03-01", due="2026-06-30", shape="strip:200", lead="市交通局"),
        Task("DT-103", "旧年断头路", "断头路", W, on="2023-05-01", shape="strip:90"),
    ]
    # 9 compounds since 2024, 3 of them in Shuiyue; 6 under way.
    for number, where in enumerate((S, S, S, W, W, J, J, M, H), start=1):
        rows.append(Task(f"LX-{number:03d}", f"{SHORT[where][:2]}第{number}小区", "老旧小区", where, on=f"202{4 + number % 2}-09-30", shape="square:30000", people="2400", money="1500万元", source="中央补助"))  # fmt: skip
    for number, where in enumerate((S, W, J, M, M, H), start=11):
        rows.append(Task(f"LX-{number:03d}", f"{SHORT[where][:2]}第{number}小区", "老旧小区", where, going, "2025-05-10", due="2026-10-31", shape="square:30000", lead="市住建局", assisting=f"{SHORT[where]}政府"))  # fmt: skip
    rows.append(
        Task("LX-001", "乌有第1小区（另一行）", "老旧小区", W, on="2025-10-01", quantity="2")
    )  # one number, two contents: neither can be used
    rows.append(Task("LX-020", "水月第1小区", "老旧小区", S, on="2024-09-30", shape="square:30000", people="2400"))
    rows += [
        Task(
            "BZ-001",
            "乌有公租房一期",
            "保障性住房",
            W,
            on="2024-11-01",
            subtype="公租房",
            unit="套",
            quantity="400",
            money="1.6亿元",
            source="地方债券",
        ),
        Task("BZ-002", "水月公租房", "保障性住房", S, on="2025-07-01", subtype="公租房", unit="套", quantity="500"),
        Task(
            "BZ-003",
            "海市公租房",
            "保障性住房",
            H,
            going,
            "2025-03-01",
            subtype="公租房",
            unit="套",
            quantity="600",
            due="2027-06-30",
            lead="市住建局",
        ),
        Task("BZ-011", "镜花保租房", "保障性住房", J, on="2024-10-01", subtype="保租房", unit="百套", quantity="12"),
        Task("BZ-012", "亡是保租房", "保障性住房", M, on="2025-06-15", subtype="保租房", unit="套", quantity="900"),
        Task("BZ-013", "数量不明的保租房", "保障性住房", M, on="2025-06-15", subtype="保租房", unit="套", quantity="若干"),
        Task("BZ-014", "单位不通的保租房", "保障性住房", M, on="2025-06-15", subtype="保租房", unit="担", quantity="30"),
    ]
    rows += _many("YE", "幼儿园", 4, type="改扩建幼儿园", on="2025-08-20")
    rows += _many("NQ", "农村危桥", 6, type="农村公路危桥", status="已销号", on="2025-06-30")
    for number in range(1, 41):
        where = ROUND[number % 5]
        rows.append(
            Task(
                f"HL-{number:03d}",
                f"{SHORT[where][:2]}楼道{number}",
                "黑楼道",
                where,
                "已销号" if number > 3 else "未开工",
                "2025-05-30",
                unit="处",
                quantity="1",
                due="2025-12-31",
                lead="市城管局",
            )
        )
    for number in range(1, 41):
        where = ROUND[number % 5]
        rows.append(
            Task(
                f"CQ-{number:03d}",
                f"{SHORT[where][:2]}桥{number}",
                "城市危旧桥梁",
                where,
                "已销号" if number > 2 else going,
                "2025-04-30",
                due="2025-12-31",
                lead="市住建局",
            )
        )
    rows += [
        Task("ZD-001", "环城快速路", "重点项目", M, "主体完工", "2025-09-01", target="zixu-ring-road", start="2024-03-01", due="2026-12-31", money="42亿元", source="专项债券", people="60000", lead="市交通局", shape="strip:1500"),
        Task("ZD-002", "海市区医院", "重点项目", H, "主体完工", "2025-11-10", target="zixu-hospital", due="2027-09-30", money="8.5亿元", source="中央预算内投资", people="48000", lead="市卫健委", answers="TJ-002"),
        Task("ZD-003", "水月体育场改建", "重点项目", S, going, "2025-03-20", target="zixu-stadium", due="2025-12-31", money="3亿元", source="社会资本", lead="市体育局", assisting="水月区政府"),
        Task("GH-001", "子虚市国土空间总体规划", "国土空间规划", status="已批复", on="2024-06-30", subtype="总体规划", shape="none"),
        Task("GH-002", "轨道交通专项规划", "国土空间规划", status="已批复", on="2025-02-28", subtype="专项规划", shape="none"),
        Task("GH-003", "水月新城详细规划", "国土空间规划", S, "已批复", "2025-04-30", "详细规划", shape="none"),
        Task("XX-001", "城市信息模型平台", "城市信息模型平台", status=going, on="2025-06-01", due="2025-12-31", lead="市数据局", shape="none"),
    ]  # fmt: skip
    rows += [
        Task(f"QG-{n}", f"{SHORT[where]}国土空间总体规划", "国土空间总体规划", where, "已批复", "2024-12-20", "区级", shape="none")
        for n, where in enumerate(ROUND, 1)
    ]
    rows += [
        Task(f"XZ-{n}", f"第{n}乡国土空间总体规划", "国土空间总体规划", H, "已批复", "2025-03-20", "乡镇级", shape="none")
        for n in range(1, 5)
    ]
    rows += [Task(f"CD-{n:02d}", f"{SHORT[where][:2]}充电站", "公共充电桩", where, on="2025-07-01", unit="个", quantity=count, money="2000万元", source="企业自筹")
             for n, (where, count) in enumerate(zip(ROUND, ("800", "500", "490", "400", "100"), strict=True), 1)]  # fmt: skip
    rows += [Task(f"GS-{n:02d}", f"古树{n}号", "古树名木", ROUND[n % 5], "已完成" if n > 1 else "谋划", "2025-04-01") for n in range(1, 21)]
    rows += [
        Task(f"ES-{n:02d}", f"二次供水泵房{n}", "二次供水", ROUND[n % 5], "已完工" if n > 1 else going, "2025-06-01") for n in range(1, 26)
    ]
    east, north = (float(each) for each in plan.warp(*spot(H, "wood")))
    rows += [
        Task(
            "LH-001",
            "空山造林一期",
            "国土绿化",
            H,
            on="2024-10-30",
            geometry=shapely.box(east, north, east + 400, north + 500),
            people="20000",
        ),
        Task(
            "LH-002",
            "空山造林二期",
            "国土绿化",
            H,
            on="2025-10-30",
            geometry=shapely.box(east, north + 400, east + 400, north + 700),
            people="20000",
        ),
    ]
    rows += [Task(f"WF-{n}", f"{SHORT[ROUND[n % 5]][:2]}危旧房{n}", "危旧房", ROUND[n % 5], "已完成" if n <= 3 else going, "2024-09-01", unit="平方米", quantity="1500", due="2027-12-31") for n in range(1, 9)]  # fmt: skip
    rows += [Task(f"BJ-{n}", f"{SHORT[ROUND[n % 5]][:2]}背街{n}", "背街小巷", ROUND[n % 5], "已完成", "2023-06-01" if n <= 2 else "2025-06-01", shape="strip:300") for n in range(1, 10)]  # fmt: skip
    rows += list(_many("LD", "街路灯", 30, type="街路亮化", on="2025-05-20"))
    rows += list(_many("LS", "历史建筑", 6, type="历史建筑修缮", on="2025-08-08", acceptance="子文验〔2025〕3号"))
    rows += [
        Task("TJ-001", "铁路以北缺少公园", "体检问题", H, "谋划", "2025-03-31", people="21000"),
        Task("TJ-002", "海市区缺少医院", "体检问题", H, "谋划", "2025-03-31", people="48000"),
        Task("TJ-003", "水月老城停车难", "体检问题", S, "谋划", "2025-03-31", people="9000"),
        Task("", "没有类别的一行", "", W, on="2025-05-05"),
        Task(
            "HX-001",
            '=HYPERLINK("http://example.invalid")<img src=x onerror=alert(1)>',
            "背街小巷",
            W,
            "谋划",
            "2025-01-01",
            due="2026-12-31",
        ),
    ]
    return rows


def tasks_before() -> list[Task]:
    """The ledger a week earlier: one park and one road not yet done, one record more, one less, a date and a sum that were moved."""
    rows = {row.id + row.name: row for row in tasks()}

    def earlier(name: str, **more: str) -> None:
        key = next(key for key, row in rows.items() if row.id == name)
        rows[key] = replace(rows[key], **more)  # type: ignore[arg-type]

    earlier("KP-029", status="已开工", on="2025-06-01", acceptance="")
    earlier("LD-030", status="已开工", on="2025-03-01")
    earlier("LX-011", due="2026-06-30")
    earlier("BZ-003", quantity="500")
    earlier("ZD-001", status="已开工", on="2024-03-01")
    return [row for row in rows.values() if row.id != "TJ-003"] + [
        Task("ZZ-001", "后来不见的项目", "重点项目", J, "谋划", "2025-01-01", due="2026-05-01")
    ]


def latest(rows: list[Task]) -> list[Task]:
    """What came to be done in the last week bears a date of that week."""
    week = {"KP-029": "2025-12-30", "LD-030": "2025-12-31", "ZD-001": "2025-12-31"}
    return [replace(row, on=week.get(row.id, row.on)) for row in rows]


def frame(rows: list[Task]) -> gpd.GeoDataFrame:
    """The layer as it is written."""
    table = pd.DataFrame([row.row() for row in rows])
    return gpd.GeoDataFrame(table.drop(columns="geometry"), geometry=np.array(table["geometry"], dtype=object), crs=plan.CRS)


def write_ledgers(now: Path, before: Path) -> None:
    """Write both ledgers, each as a GeoPackage with one layer of points, lines, polygons and rows without a place."""
    for path, rows in ((now, latest(tasks())), (before, tasks_before())):
        path.unlink(missing_ok=True)
        frame(rows).to_file(path, layer=LAYER, driver="GPKG", engine="pyogrio", geometry_type="Unknown", VERSION="1.2")


def city_fields() -> str:
    """What ``city.toml`` says of the ledger's columns; an inline table stands on one line."""
    return "fields = { " + ", ".join(f'{ours} = "{theirs}"' for theirs, ours in COLUMNS.items()) + " }"
