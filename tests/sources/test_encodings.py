"""The text of a Shapefile is what its bytes say, whatever it claims; mojibake never reaches the table."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely

from spatial.errors import OptionError, SourceError
from spatial.layers import Repair
from spatial.sources.encodings import choose_encoding, codec_of, is_chinese
from spatial.sources.files import FileOptions, read_vector

CHINESE = ["长春市南关区", "人民大街", "一汽", "绿园区"]
SPANISH = ["Málaga", "Ávila", "Las Palmas de Gran Canaria", "Peñón"]
PORTUGUESE = ["Conceição", "SÃO JOÃO", "Praça da Alfândega", "Avenida Getúlio Vargas"]
FRENCH_UTF8 = ["Hôtel de Ville", "Préfecture", "Gare", "Île"]


def write(path: Path, names: list[str], encoding: str, *, cpg: str | None, language: int = 0, column: str = "name") -> Path:
    """A Shapefile with text in one encoding that claims another."""
    frame = gpd.GeoDataFrame({column: names}, geometry=[shapely.Point(125.3, 43.9)] * len(names), crs="EPSG:4326")
    pyogrio.write_dataframe(frame, path, encoding=encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    dbf[29] = language
    path.with_suffix(".dbf").write_bytes(bytes(dbf))
    return path


def read(path: Path, **options: str) -> tuple[list[str], list[Repair]]:
    told: list[Repair] = []
    frame = read_vector(path, FileOptions(**options), where="parks", wanted=("name",), told=told)
    return list(frame["name"]), told


@pytest.mark.parametrize("cpg", [None, "UTF-8", "ISO-8859-1", "GBK", "936", "ISO 88591", "nonsense", ""])
@pytest.mark.parametrize("language", [0x00, 0x57, 0x4D, 0x03])
@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_chinese_is_read_whatever_the_file_claims(tmp_path: Path, encoding: str, cpg: str | None, language: int) -> None:
    names, told = read(write(tmp_path / "p.shp", CHINESE, encoding, cpg=cpg, language=language))
    assert names == CHINESE
    claim = codec_of(cpg) or {0x57: "cp1252", 0x4D: "gbk", 0x03: "cp1252"}.get(language)
    agrees = claim == {"GBK": "gbk", "UTF-8": "utf-8"}[encoding]
    assert bool(told) == (not agrees)
    for repair in told:
        assert repair.count == 4
        assert ("claims" in repair.what.en) == (claim is not None)
        assert f"read as {encoding}" in repair.what.en


@pytest.mark.parametrize("cpg", [None, "ISO-8859-1", "1252", "UTF-8"])
@pytest.mark.parametrize("names", [SPANISH, PORTUGUESE])
def test_european_text_in_latin_1_is_not_taken_for_chinese(tmp_path: Path, names: list[str], cpg: str | None) -> None:
    found, told = read(write(tmp_path / "p.shp", names, "ISO-8859-1", cpg=cpg))
    assert found == names
    assert bool(told) == (cpg in (None, "UTF-8"))


def test_european_text_in_utf_8_without_a_claim(tmp_path: Path) -> None:
    assert read(write(tmp_path / "p.shp", FRENCH_UTF8, "UTF-8", cpg=None))[0] == FRENCH_UTF8


@pytest.mark.parametrize(("names", "encoding", "cpg"), [(["台北縣", "中正區"], "BIG5", "950"), (["Москва", "Тверь"], "cp1251", "1251")])
def test_another_encoding_that_the_file_claims(tmp_path: Path, names: list[str], encoding: str, cpg: str) -> None:
    found, told = read(write(tmp_path / "p.shp", names, encoding, cpg=cpg))
    assert found == names
    assert not told


def test_ascii_needs_nothing(tmp_path: Path) -> None:
    assert read(write(tmp_path / "p.shp", ["a", "b"], "UTF-8", cpg=None)) == (["a", "b"], [])


def test_two_byte_letters_follow_the_claim() -> None:
    """The bytes C4 A3 are 模 in GBK and ģ in UTF-8: only the file can say which."""
    pieces = [("模".encode("gbk"), False, 1)]
    assert choose_encoding(pieces, claimed="GBK", stated=None, where="x").encoding == "gb18030"
    assert choose_encoding(pieces, claimed=None, stated=None, where="x").encoding == "utf-8"


def test_the_stated_encoding_wins_and_is_checked(tmp_path: Path) -> None:
    path = write(tmp_path / "p.shp", CHINESE, "GBK", cpg="UTF-8")
    assert read(path, encoding="gbk") == (CHINESE, [])
    with pytest.raises(SourceError, match='text is not utf-8; it reads as gbk: write encoding = "gbk"'):
        read(path, encoding="utf-8")
    other = write(tmp_path / "q.shp", CHINESE, "UTF-8", cpg=None)
    names, told = read(other, encoding="latin-1")
    assert names != CHINESE
    assert "their bytes are UTF-8" in told[0].what.en


def cut(path: Path, names: list[bytes], width: int) -> Path:
    """Replace the dbf by one with a single field of ``width`` bytes, which a writer filled without looking at characters."""
    field = b"name".ljust(11, b"\0") + b"C" + bytes(4) + bytes([width, 0]) + bytes(14)
    first = 32 + len(field) + 1
    head = b"\x03\x7c\x01\x01" + len(names).to_bytes(4, "little") + first.to_bytes(2, "little") + (width + 1).to_bytes(2, "little")
    rows = b"".join(b" " + name[:width].ljust(width) for name in names)
    path.with_suffix(".dbf").write_bytes(head + bytes(20) + field + b"\r" + rows + b"\x1a")
    return path


@pytest.mark.parametrize(("encoding", "width"), [("GBK", 11), ("UTF-8", 10)])
@pytest.mark.parametrize("stated", [None, "same"])
def test_a_text_cut_in_the_middle_of_a_character(tmp_path: Path, encoding: str, width: int, stated: str | None) -> None:
    """A field of 11 bytes holds 5½ characters of GBK, one of 10 bytes 3⅓ of UTF-8."""
    name = "长春市南关区人民大街"
    path = write(tmp_path / "p.shp", ["x", "y"], "UTF-8", cpg=encoding)
    cut(path, [name.encode(encoding), "公园".encode(encoding)], width)
    names, told = read(path, **({"encoding": encoding} if stated else {}))
    assert names == [name[: 5 if encoding == "GBK" else 3], "公园"]
    assert [(repair.count, "half a character" in repair.what.en) for repair in told] == [(1, True)]


def test_broken_text_inside_a_field_is_not_a_cut(tmp_path: Path) -> None:
    """Half a character with room behind it is no UTF-8."""
    path = cut(write(tmp_path / "p.shp", ["x"], "UTF-8", cpg="UTF-8"), ["公园".encode()[:5]], 20)
    with pytest.raises(SourceError, match="text is not utf-8"):
        read(path, encoding="utf-8")


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_column_names_are_decoded_too_and_conditions_wait_for_it(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "p.shp", CHINESE, encoding, cpg="ISO-8859-1", column="名称")
    told: list[Repair] = []
    options = FileOptions(fields={"name": "名称"}, where="名称 LIKE '%区'")
    frame = read_vector(path, options, where="parks", wanted=("name",), told=told)
    assert list(frame["name"]) == ["长春市南关区", "绿园区"]
    assert told
    with pytest.raises(OptionError, match='has no column "名"'):
        read_vector(path, FileOptions(fields={"name": "名"}), where="parks", wanted=("name",))


def test_column_names_that_a_cut_makes_equal(tmp_path: Path) -> None:
    """Ten bytes hold 3⅓ characters of UTF-8: two names that differ in the fourth differ in half a character only."""
    frame = gpd.GeoDataFrame({"aaaaaaaaaa": ["1"], "bbbbbbbbbb": ["2"]}, geometry=[shapely.Point(125.3, 43.9)], crs="EPSG:4326")
    path = tmp_path / "p.shp"
    pyogrio.write_dataframe(frame, path)
    dbf = path.with_suffix(".dbf").read_bytes()
    names = ["公园绿地".encode()[:10], "公园面积".encode()[:10]]
    path.with_suffix(".dbf").write_bytes(dbf.replace(b"a" * 10, names[0]).replace(b"b" * 10, names[1]))
    for column, value in (("公园绿", "1"), ("公园面", "2")):
        assert list(read_vector(path, FileOptions(fields={"name": column}), where="x", wanted=("name",))["name"]) == [value]


@pytest.mark.parametrize("inside", ["", "规划/"])
def test_inside_an_archive(tmp_path: Path, inside: str) -> None:
    path = write(tmp_path / "公园.shp", CHINESE, "GBK", cpg="UTF-8")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for part in tmp_path.glob("公园.*"):
            archive.write(part, f"{inside}{part.name}")
    assert path.exists()
    names, told = read(tmp_path / "p.zip")
    assert names == CHINESE
    assert len(told) == 1


def test_several_in_an_archive(tmp_path: Path) -> None:
    write(tmp_path / "a.shp", CHINESE, "GBK", cpg=None)
    write(tmp_path / "b.shp", SPANISH, "ISO-8859-1", cpg="1252")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        for part in [*tmp_path.glob("a.*"), *tmp_path.glob("b.*")]:
            archive.write(part, f"in/{part.name}")
    assert read(tmp_path / "p.zip", layer="a")[0] == CHINESE
    assert read(tmp_path / "p.zip", layer="b") == (SPANISH, [])


def test_tables(tmp_path: Path) -> None:
    def table(names: list[str], encoding: str) -> tuple[list[str], list[Repair]]:
        rows = ["name,x,y", *(f"{name},125.3,43.9" for name in names)]
        (tmp_path / "t.csv").write_bytes("\n".join(rows).encode(encoding))
        return read(tmp_path / "t.csv", crs="EPSG:4326")

    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert table(CHINESE, encoding) == (CHINESE, [])
    names, told = table(CHINESE, "gbk")
    assert names == CHINESE
    assert "read as GBK" in told[0].what.en
    with pytest.raises(SourceError, match="text is not UTF-8 or Chinese in GBK; state its encoding"):
        table(PORTUGUESE, "latin-1")


def test_geojson_in_gbk_needs_the_word(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": CHINESE}, geometry=[shapely.Point(125.3, 43.9)] * 4, crs="EPSG:4326")
    path = tmp_path / "p.geojson"
    path.write_bytes(frame.to_json(drop_id=True, ensure_ascii=False).encode("gbk"))
    with pytest.raises(
        SourceError, match=r'is not UTF-8, as GeoJSON must be .*; save it as UTF-8, or state its encoding: encoding = "gbk"'
    ):
        read(path)
    assert read(path, encoding="gbk") == (CHINESE, [])
    assert read(path, encoding="gbk", where="name LIKE '%区'") == (["长春市南关区", "绿园区"], [])


def test_what_is_chinese() -> None:
    assert is_chinese("长春市，道路；A区3号楼".encode("gbk"))
    assert not is_chinese("CONCEIÇÃO; SÃO JOÃO; Praça".encode("latin-1"))
    assert not is_chinese(b"\xff\xff")


@pytest.mark.parametrize(
    ("said", "codec"),
    [("UTF-8", "utf-8"), ("65001", "utf-8"), ("936", "gbk"), ("CP936", "gbk"), ("ANSI 1252", "cp1252"), ("ISO 88591", "iso8859-1"),
     ("8859-15", "iso8859-15"), ("GB18030", "gb18030"), ("x", None), ("", None), (None, None)],
)  # fmt: skip
def test_names_of_encodings(said: str | None, codec: str | None) -> None:
    assert codec_of(said) == codec
