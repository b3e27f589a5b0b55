"""A ledger from every kind of file: the same rows, whatever they are written in; hostile workbooks end in one clear error."""

from __future__ import annotations

import datetime
import zipfile

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pyproj
import pytest
import shapely
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from spatial.errors import CRSError, LayerError, OptionError, SourceError
from spatial.layers import Repair
from spatial.ledger.reading import make_ledger
from spatial.ledger.records import FIELDS
from spatial.sources.ledger import read_rows
from spatial.sources.options import FileOptions
from tests.ledger.town import CRS, Said

TABLE = {
    "编号": ["1", "2", "3"],
    "项目名称": ["口袋公园甲", "=1+1", "丙"],
    "type": ["口袋公园", "口袋公园", "断头路"],
    "status": ["已竣工", "在建", "已取消"],
    "quantity": ["1,201", "30", ""],
    "unit": ["平方米", "平方米", ""],
    "status_date": ["2025-06-01", "2025-05-01", "2025-04-01"],
    "lon": ["125.301", "125.302", ""],
    "lat": ["43.901", "43.902", ""],
}
READ = FileOptions(fields={"name": "项目名称"}, id="编号", crs="EPSG:4326")


def rows_of(path, read=READ):
    return read_rows(path, read, where="ledger", wanted=FIELDS)


def made(path, read=READ):
    return make_ledger(rows_of(path, read), Said(), crs=pyproj.CRS(CRS), boundary=None, where="ledger")


def as_csv(path, **options):
    pd.DataFrame(TABLE).to_csv(path, index=False, **options)
    return path


def as_xlsx(path, *, title=False, sheet="台账", serial=False):
    book = openpyxl.Workbook()
    page = book.active
    page.title = sheet
    if title:
        page.append(["2025年项目台账"])
        page.append([])
    page.append(list(TABLE))
    for values in zip(*TABLE.values(), strict=True):
        cells = dict(zip(TABLE, values, strict=True))
        day = datetime.date.fromisoformat(cells["status_date"])
        cells |= {"status_date": (day - datetime.date(1899, 12, 30)).days if serial else datetime.datetime.combine(day, datetime.time())}
        cells |= {name: float(cells[name]) if cells[name] else None for name in ("lon", "lat")}
        page.append([value if name != "项目名称" else None for name, value in cells.items()])
        page.cell(page.max_row, 2).value = cells["项目名称"]
        page.cell(page.max_row, 2).data_type = "s"  # a text that begins like a formula
    book.save(path)
    return path


def as_gpkg(path, *, places=True):
    table = pd.DataFrame(TABLE).drop(columns=["lon", "lat"])
    if not places:
        pyogrio.write_dataframe(table, path, layer="ledger")
        return path
    points = [shapely.Point(125.301, 43.901), shapely.Point(125.302, 43.902), None]
    gpd.GeoDataFrame(table, geometry=points, crs="EPSG:4326").to_file(path, layer="ledger")
    return path


def same(one, other):
    pd.testing.assert_frame_equal(
        pd.DataFrame(one.frame.drop(columns=["row", "geometry"])), pd.DataFrame(other.frame.drop(columns=["row", "geometry"]))
    )
    for a, b in zip(one.frame.geometry, other.frame.geometry, strict=True):
        assert (a is None) == (b is None)
        assert a is None or shapely.distance(a, b) < 1e-3


def test_formats_give_one_ledger(tmp_path):
    base = made(as_csv(tmp_path / "a.csv"))
    assert base.frame["name"].tolist() == ["口袋公园甲", "=1+1", "丙"]
    assert base.frame["quantity"].tolist()[:2] == [1201, 30]
    assert base.frame.geometry.notna().tolist() == [True, True, False]
    same(base, made(as_csv(tmp_path / "gbk.csv", encoding="gb18030")))
    same(base, made(as_csv(tmp_path / "bom.csv", encoding="utf-8-sig")))
    same(base, made(as_xlsx(tmp_path / "a.xlsx")))
    same(base, made(as_xlsx(tmp_path / "title.xlsx", title=True)))
    same(base, made(as_xlsx(tmp_path / "serial.xlsx", serial=True)))
    same(base, made(as_gpkg(tmp_path / "a.gpkg"), READ))
    gpd.read_file(tmp_path / "a.gpkg").to_file(tmp_path / "a.geojson")
    same(base, made(tmp_path / "a.geojson"))


def test_tables_without_a_place(tmp_path):
    bare = {name: values for name, values in TABLE.items() if name not in ("lon", "lat")}
    pd.DataFrame(bare).to_csv(tmp_path / "bare.csv", index=False)
    read = FileOptions(fields={"name": "项目名称"}, id="编号")
    one, other = made(tmp_path / "bare.csv", read), made(as_gpkg(tmp_path / "bare.gpkg", places=False), read)
    same(one, other)
    assert one.frame.geometry.isna().all()


def test_rows_say_where_they_stand(tmp_path):
    assert rows_of(as_csv(tmp_path / "a.csv"))["row"].tolist() == ["2", "3", "4"]
    assert rows_of(as_xlsx(tmp_path / "a.xlsx", title=True))["row"].tolist() == ["4", "5", "6"]


def test_places_of_a_map_service_are_moved(tmp_path):
    plain, shifted = (rows_of(as_csv(tmp_path / "a.csv"), FileOptions(datum=datum, crs="EPSG:4326")) for datum in ("wgs84", "gcj02"))
    apart = shapely.distance(plain.geometry.iloc[0], shifted.geometry.iloc[0]) * 1e5
    assert 100 < apart < 1000


def test_places_without_a_crs_are_refused(tmp_path):
    with pytest.raises(CRSError, match="has no CRS"):
        rows_of(as_csv(tmp_path / "a.csv"), FileOptions())


def test_values_and_conditions(tmp_path):
    pd.DataFrame({"id": ["1", "2"], "type": ["事", "事"], "status": ["快了", "完"]}).to_csv(tmp_path / "a.csv", index=False)
    read = FileOptions(values={"status": {"快了": "started", "完": "completed"}}, where="id = 2")
    assert made(tmp_path / "a.csv", read).frame[["id", "status"]].to_numpy().tolist() == [["2", "completed"]]


def test_empty_ids_go_by_their_row(tmp_path):
    pd.DataFrame({"ID": ["", "7"], "type": ["事", "事"], "status": ["done", "done"]}).to_csv(tmp_path / "a.csv", index=False)
    assert made(tmp_path / "a.csv", FileOptions()).frame["id"].tolist() == ["row 2", "7"]


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (FileOptions(fields={"nam": "x"}), 'nam is no field here; did you mean "name"'),
        (FileOptions(fields={"name": "项目"}), 'has no column "项目"'),
        (FileOptions(layer="表二"), 'has no sheet "表二"'),
        (FileOptions(x="经"), 'has no column "经"'),
    ],
)
def test_what_does_not_exist_is_told(tmp_path, read, said):
    with pytest.raises(OptionError) as caught:
        rows_of(as_xlsx(tmp_path / "a.xlsx"), read)
    assert said in str(caught.value)


def test_a_sheet_by_name(tmp_path):
    book = openpyxl.load_workbook(as_xlsx(tmp_path / "a.xlsx"))
    book.create_sheet("说明", 0).append(["读我", "说明"])
    book.save(tmp_path / "b.xlsx")
    assert len(made(tmp_path / "b.xlsx", FileOptions(layer="台账", fields={"name": "项目名称"}, id="编号", crs="EPSG:4326")).frame) == 3
    with pytest.raises(LayerError, match="no column for type"):
        made(tmp_path / "b.xlsx", FileOptions())


def bomb(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as stream:
            for _ in range(1100):
                stream.write(b" " * (1 << 20))


def wide(path):
    page = "".join(f'<c r="{openpyxl.utils.get_column_letter(n)}1" t="inlineStr"><is><t>a{n}</t></is></c>' for n in range(1, 3001))
    _patched(path, f'<row r="1">{page}</row>')


def far(path):
    _patched(path, '<row r="1"><c r="A1"><v>1</v></c></row><row r="2000000000"><c r="A2000000000"><v>1</v></c></row>')


def entities(path):
    _patched(path, "", head='<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>')


def _patched(path, rows, head=""):
    as_xlsx(path)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>'
    parts["xl/worksheets/sheet1.xml"] = (head + sheet.format(rows)).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


HOSTILE = {
    "a bomb": (bomb, "unpacks to"),
    "too many columns": (wide, "3000 columns"),
    "a row at the end of the world": (far, "has more than"),
    "a document type": (entities, "declares a document type"),
    "a password": (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600), "protected by a password"),
    "no archive": (lambda path: path.write_bytes(b"id,type\n1,2\n"), "is not a workbook"),
    "nothing": (lambda path: path.write_bytes(b""), "is not a workbook"),
    "another archive": (lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "a"), "not a workbook"),
    "half a workbook": (lambda path: path.write_bytes(as_xlsx(path).read_bytes()[:-900]), "workbook"),
    "an empty sheet": (lambda path: _patched(path, ""), "is empty"),
    "a column twice": (
        lambda path: _patched(
            path, '<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c><c r="B1" t="inlineStr"><is><t>x</t></is></c></row>'
        ),
        "more than once",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_workbook_is_one_clear_error(tmp_path, name):
    make, said = HOSTILE[name]
    path = tmp_path / "a.xlsx"
    made_ = make(path)
    if hasattr(made_, "close"):
        made_.close()
    with pytest.raises(SourceError) as caught:
        rows_of(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_formulas_and_links_give_their_last_value_or_nothing(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["id", "type", "status", "quantity"])
    book.active.append(["1", "事", "done", '=[other.xlsx]Sheet1!A1+WEBSERVICE("http://example.invalid/")'])
    book.save(tmp_path / "a.xlsx")
    told: list[Repair] = []
    rows = read_rows(tmp_path / "a.xlsx", FileOptions(), where="ledger", wanted=FIELDS, told=told)
    assert str(rows["quantity"].iloc[0]) == ""
    assert [repair.text().en for repair in told] == [
        "ledger: formulas without a result, read as empty cells (open the workbook in a spreadsheet and save it again): 1"
    ]


def test_days_of_a_workbook_that_counts_from_1904(tmp_path):
    """The same day as a date, whose number openpyxl counts, and as a bare number: 44364 days after 1 January 1904 is 18 June 2025."""
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    book.active.append(["id", "type", "status", "status_date", "due_date", "quantity"])
    book.active.append(["1", "事", "done", datetime.date(2025, 6, 18), 44364, 44364])
    book.save(tmp_path / "a.xlsx")
    found = made(tmp_path / "a.xlsx", FileOptions()).frame.iloc[0]
    assert (found.status_date, found.due_date, found.quantity) == (datetime.date(2025, 6, 18), datetime.date(2025, 6, 18), 44364)


def test_days_and_times_of_a_database(tmp_path):
    import pyarrow as pa

    day = datetime.date(2025, 6, 1)
    table = pa.table({
        "id": ["1"], "type": ["事"], "status": ["done"], "status_date": pa.array([day], pa.date32()), "due_date": pa.array([datetime.datetime(2025, 7, 2, 8)], pa.timestamp("ms")),
        "quantity": [3], "people": [2.5],
    })  # fmt: skip
    pyogrio.write_arrow(table, tmp_path / "a.gpkg", layer="ledger", driver="GPKG", geometry_name=None, geometry_type=None)
    found = made(tmp_path / "a.gpkg", FileOptions()).frame.iloc[0]
    assert (found.status_date, found.due_date, found.quantity, found.people) == (day, datetime.date(2025, 7, 2), 3, 2.5)


def test_a_layer_beside_tables_and_styles(tmp_path):
    as_gpkg(tmp_path / "a.gpkg", places=False)
    pyogrio.write_dataframe(pd.DataFrame({"styleName": ["x"]}), tmp_path / "a.gpkg", layer="layer_styles", append=False)
    assert len(made(tmp_path / "a.gpkg", FileOptions(fields={"name": "项目名称"}, id="编号")).frame) == 3
    pyogrio.write_dataframe(pd.DataFrame({"a": ["x"]}), tmp_path / "a.gpkg", layer="other")
    with pytest.raises(OptionError, match="name one: layer"):
        rows_of(tmp_path / "a.gpkg", FileOptions())
    with pytest.raises(OptionError, match='no layer "ledgr"; did you mean "ledger"'):
        rows_of(tmp_path / "a.gpkg", FileOptions(layer="ledgr"))


def test_coordinates_that_cannot_be_read_are_told(tmp_path):
    """Of five rows one has a place, one says that it has none, one has no cell filled: two write what nobody can read."""
    places = [("125.301", "43.901"), ("待定", "43.902"), ("125.303", ""), ("—", "无"), ("", "")]
    table = {"id": list("12345"), "type": "事", "status": "done", "lon": [x for x, _ in places], "lat": [y for _, y in places]}
    pd.DataFrame(table).to_csv(tmp_path / "a.csv", index=False)
    pd.DataFrame(table).to_excel(tmp_path / "a.xlsx", index=False)
    for name in ("a.csv", "a.xlsx"):
        told: list[Repair] = []
        rows = read_rows(tmp_path / name, FileOptions(crs="EPSG:4326"), where="ledger", wanted=FIELDS, told=told)
        assert list(rows.geometry.isna()) == [False, True, True, True, True]
        assert [repair.text().en for repair in told] == [
            "ledger: rows whose coordinates cannot be read, taken as without a place (rows 3, 4): 2"
        ]


@pytest.mark.parametrize(("x", "y"), [("43.9", "125.3"), ("inf", "43.9"), ("1e999", "1e999"), ("1e308", "1e308")])
def test_one_place_that_cannot_be_stops_nothing(tmp_path, x, y):
    """Swapped or infinite coordinates of one row are that row's fault; of most rows, that of the CRS."""
    table = {"id": list("1234"), "type": "事", "status": "done", "x": ["125.301", "125.302", "125.303", x], "y": ["43.901"] * 3 + [y]}
    pd.DataFrame(table).to_csv(tmp_path / "a.csv", index=False)
    found = made(tmp_path / "a.csv", FileOptions(crs="EPSG:4326"))
    assert list(found.frame["id"]) == list("123")
    assert found.left_out[["id", "reason_en"]].to_numpy().tolist() == [["4", "the coordinates cannot be used"]]
    assert [notice.en for notice in found.notices] == ["ledger: 1 of 4 rows are left out (the coordinates cannot be used: 1)"]
    table["x"], table["y"] = ["43.9"] * 4, ["125.3"] * 4
    pd.DataFrame(table).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(CRSError, match="x and y look swapped"):
        made(tmp_path / "a.csv", FileOptions(crs="EPSG:4326"))
