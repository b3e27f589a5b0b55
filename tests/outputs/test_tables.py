"""CSV, Parquet and workbook: the same bytes for the same input, harmless in a spreadsheet, nothing lost."""

import io

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
from shapely import box

from spatial.city import City
from spatial.measurement import measure
from spatial.outputs.cells import safe_cell
from spatial.outputs.tables import write_tables
from spatial.result import COLUMNS, KEY, SCHEMA_VERSION

CRS = "EPSG:32651"


def results(name="南关区", code="220102", lang="zh"):
    frame = gpd.GeoDataFrame(
        {"area_id": [code, "b"], "name": [name, "Other"]}, geometry=[box(0, 0, 1000, 1000), box(1000, 0, 2000, 1000)], crs=CRS
    )
    frame = frame.set_geometry(frame.translate(5e5, 4.85e6))
    people = frame.assign(count=[1234.5, 0])
    city = City.from_layers("长春", crs=CRS, date="2025-01-01", districts=frame, population=people)
    return measure(city, ["population", "population_density", "park_area_per_capita"], lang=lang)


def read_csv(path):
    return pd.read_csv(path, encoding="utf-8-sig", dtype={"area_id": str}, keep_default_na=False, na_values={"value": ""})


def test_csv_is_sorted_has_a_bom_and_every_column(tmp_path):
    write_tables(results(), tmp_path)
    raw = (tmp_path / "metrics.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in raw
    table = read_csv(tmp_path / "metrics.csv")
    assert list(table.columns) == list(COLUMNS)
    assert table.equals(table.sort_values(list(KEY), kind="stable", ignore_index=True))


def test_the_same_input_gives_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        write_tables(results(), tmp_path / folder)
    for name in ("metrics.csv", "metrics.parquet", "metrics.xlsx"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_no_data_is_an_empty_cell_never_zero(tmp_path):
    write_tables(results(), tmp_path)
    text = (tmp_path / "metrics.csv").read_text(encoding="utf-8-sig")
    line = next(line for line in text.splitlines() if line.startswith("park_area_per_capita,,220102"))
    assert line.split(",")[6:11] == ["", "", "", "", ""]
    assert "no_data" in line
    zero = next(line for line in text.splitlines() if line.startswith("population,,b"))
    assert zero.split(",")[6] == "0"


def test_parquet_says_its_schema(tmp_path):
    made = results()
    write_tables(made, tmp_path)
    schema = pq.read_schema(tmp_path / "metrics.parquet")
    assert schema.metadata[b"schema_version"] == SCHEMA_VERSION.encode()
    back = pd.read_parquet(tmp_path / "metrics.parquet")
    pd.testing.assert_frame_equal(back, made.table, check_dtype=False)


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x","y")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "＝1+1", " =1", "|calc"])
def test_formulas_stay_text(tmp_path, name):
    write_tables(results(name=name), tmp_path)
    cells = set(read_csv(tmp_path / "metrics.csv")["area_name"])
    assert not any(cell.lstrip().startswith(tuple("=+-@|＝")) for cell in cells)
    book = openpyxl.load_workbook(tmp_path / "metrics.xlsx")
    for sheet in book:
        for row in sheet.iter_rows():
            assert not any(cell.data_type == "f" for cell in row)


def test_control_characters_do_not_break_the_workbook(tmp_path):
    write_tables(results(name="a\x00b\x1fc"), tmp_path)
    book = openpyxl.load_workbook(io.BytesIO((tmp_path / "metrics.xlsx").read_bytes()))
    assert book.worksheets[0].cell(2, 2).value == "abc"


def test_workbook_shows_what_the_table_says(tmp_path):
    made = results(lang="en")
    write_tables(made, tmp_path)
    sheet = openpyxl.load_workbook(tmp_path / "metrics.xlsx")["Summary"]
    head = [cell.value for cell in sheet[1]]
    column = head.index("Population\n(people)")
    assert sheet.cell(2, column + 1).value == pytest.approx(made.get("population", area_id="220102").value)
    parks = head.index("Park area per resident\n(m²/person)")
    assert sheet.cell(2, parks + 1).value == "—"
    assert sheet.cell(2, parks + 2).value == "no data"


def test_negative_numbers_are_no_formula():
    assert safe_cell("-12.5") == "-12.5"
    assert safe_cell("-12.5+1") == "'-12.5+1"


def test_no_cell_shows_what_it_does_not_hold():
    assert safe_cell("a\u202efdp.exe\u2066\x9b31m 字") == "afdp.exe31m 字"


def test_status_and_notes_come_in_the_language_asked_for():
    zh, en = results(lang="zh").table, results(lang="en").table
    assert "未提供图层 parks（公园）" in zh.note.str.cat()  # a planner knows the layer by its title, city.toml by its name
    assert "was not supplied" in en.note.str.cat()
    assert np.array_equal(zh.value.isna(), en.value.isna())
