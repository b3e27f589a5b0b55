"""Tables of the terminal: in line with Chinese in them, nothing cut that must be typed, nothing that the terminal would obey."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from spatial.console import records_of, say, table, width
from spatial.outputs.views import Column, Figure, View, text_of
from spatial.text import Text


def view(*rows: dict, empty: str = "nothing") -> View:
    columns = (
        Column(Text("编号", "Id"), 10, text_of("id"), True, whole=True),
        Column(Text("名称", "Name"), 10, text_of("name"), True),
        Column(Text("数", "Count"), 10, lambda row, lang: Figure(row["count"], "count"), True),
        Column(Text("长", "Long"), 10, text_of("hidden")),
        Column(Text("说明", "Note"), 10, text_of("note"), True),
    )
    return View(Text("表", "Table"), columns, pd.DataFrame(rows, columns=["id", "name", "count", "hidden", "note"]), Text("没有", empty))


def row(identity="1", name="路灯", count=3.0, note="说明") -> dict:
    return {"id": identity, "name": name, "count": count, "hidden": "hidden", "note": note}


@pytest.mark.parametrize(("text", "columns"), [("", 0), ("abc", 3), ("路灯", 4), ("路灯ab", 6), ("ｆ", 2), ("é", 1), ("，", 2), ("—", 1)])
def test_chinese_takes_two_columns(text, columns):
    assert width(text) == columns


def test_columns_stand_in_line():
    lines = table(view(row(name="路灯"), row(name="lamp", count=1234.0), row(name="路灯lamp")), "zh")
    starts = {width(line[: line.index("说明")]) for line in (lines[0], *lines[2:])}
    assert len(starts) == 1
    assert "1,234" in lines[3]
    assert lines[2].split()[2] == "3"


def test_only_brief_columns_and_those_with_something_in_them():
    text = "\n".join(table(view(row(note="")), "en"))
    assert "hidden" not in text
    assert "Note" not in text
    assert "hidden" in "\n".join(table(view(row()), "en", wide=True))
    assert table(view(), "en") == ["nothing"]
    assert table(view(), "zh") == ["没有"]


def test_an_id_is_never_cut_and_a_name_is():
    text = table(view(row(identity="a-very-" * 8 + "long-id", name="长" * 40)), "en")[2]
    assert "a-very-" * 8 + "long-id" in text
    assert "长" * 14 + "…" in text
    assert "长" * 15 not in text


def test_the_last_column_goes_on_below():
    note = ("It is a long note, and every word of it matters to somebody. " * 4).strip()
    for text, between in ((note, " "), ("一二三四五六七八九十" * 30, "")):
        lines = table(view(row(name="lamp", note=text)), "en")
        start = lines[0].index("Note")
        assert len(lines) > 3
        assert between.join(line[start:].strip() for line in lines[2:]) == text
        assert all(width(line) <= 150 for line in lines)


def test_nothing_that_a_terminal_obeys(capsys):
    say("text", "en", "head", [view(row(name="\x1b[31mred\x07\nnew"))], [Text("尾", "tail \x1b[2J")], {})
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert len(out.splitlines()) == 6  # head, three of the table, a blank one, tail


def test_nothing_in_json_that_a_terminal_obeys(capsys):
    """Escapes of one byte and letters that turn the order round stand as JSON writes what cannot be seen, and are whole when it is read."""
    name = "\x1b[31m\x9b31m\u202eevil\u2066\u2028 \U000e0001 字😀"
    say("json", "en", "head", [view(row(name=name))], [], {})
    out = capsys.readouterr().out
    assert all(letter.isprintable() or letter == "\n" for letter in out)
    assert "字😀" in out
    assert json.loads(out)["rows"][0]["name"] == name


def test_json_holds_the_rows_whole(capsys):
    say("json", "zh", "head", [view(row(count=float("nan")))], [Text("尾", "tail")], {"date": "2025-06-30"})
    said = json.loads(capsys.readouterr().out)
    assert said == {
        "date": "2025-06-30",
        "rows": [{"id": "1", "name": "路灯", "count": None, "hidden": "hidden", "note": "说明"}],
        "said": ["尾"],
    }


def test_json_knows_the_types_of_tables():
    frame = pd.DataFrame({"a": [True], "b": [pd.NA], "c": pd.array([3], dtype="Int64"), "d": [Text("中", "en")]})
    assert records_of(frame) == [{"a": True, "b": None, "c": 3, "d": {"zh": "中", "en": "en"}}]
