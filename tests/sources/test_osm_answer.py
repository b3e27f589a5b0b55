"""Answers of an Overpass server: only a whole one is taken, and many become one sorted file."""

import gzip

import osmium
import pytest

from spatial.errors import FetchError, SourceError
from spatial.sources.osm_answer import Answer, BrokenAnswerError, RemarkedAnswerError, check_answer, merge_answers
from spatial.sources.overpass import overpass_query

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<osm version="0.6" generator="Overpass API"><note>ODbL</note><meta osm_base="2024-04-10T00:00:00Z"/>'


def node(number, version=1, name=""):
    tag = f'<tag k="name" v="{name}"/>' if name else ""
    who = 'user="somebody" uid="7" changeset="9"'
    return f'<node id="{number}" version="{version}" timestamp="2024-04-0{version}T00:00:00Z" {who} lat="43.9" lon="125.3">{tag}</node>'


def answer(path, *content, end="</osm>"):
    path.write_text(HEAD + "".join(content) + end, encoding="utf-8")
    return path


def test_a_whole_answer_is_counted(tmp_path):
    way = '<way id="1" version="1" timestamp="2024-04-01T00:00:00Z"><nd ref="1"/><nd ref="2"/></way>'
    assert check_answer(answer(tmp_path / "a.osm", node(1), node(2), way), "x") == Answer(3, "2024-04-10T00:00:00Z")
    assert check_answer(answer(tmp_path / "b.osm"), "x").elements == 0


@pytest.mark.parametrize("end", ["", "</os", "<node id='3'", "</way>", "\0</osm>"])
def test_what_does_not_end_is_broken(tmp_path, end):
    with pytest.raises(BrokenAnswerError):
        check_answer(answer(tmp_path / "a.osm", node(1), end=end), "x")


@pytest.mark.parametrize("end", ["</osm>", ""])
def test_a_remark_is_told_whatever_else_is_wrong(tmp_path, end):
    with pytest.raises(RemarkedAnswerError, match=r"^runtime error: out of time & memory$"):
        check_answer(answer(tmp_path / "a.osm", node(1), "<remark> runtime error:\n out of time &amp; memory </remark>", end=end), "x")
    with pytest.raises(RemarkedAnswerError):
        check_answer(answer(tmp_path / "b.osm", node(1), "<remark/>"), "x")


def test_a_name_with_the_word_remark_is_none(tmp_path):
    assert check_answer(answer(tmp_path / "a.osm", node(1, name="remark: runtime error")), "x").elements == 1


@pytest.mark.parametrize(
    "content", ["<a>&lol;</a>", "<!DOCTYPE osm><osm version='0.6'/>", "<osm version='0.6'><node id='1' lat='91x' lon='1'/></osm>"]
)
def test_what_is_no_osm_data_is_refused(tmp_path, content):
    (tmp_path / "a.osm").write_text(content)
    with pytest.raises(FetchError, match=r"^https://x\.example: answers with"):
        check_answer(tmp_path / "a.osm", "https://x.example")


@pytest.mark.parametrize("name", ["all.osm", "all.osm.gz"])
def test_answers_become_one_sorted_file_of_newest_versions_without_names_of_editors(tmp_path, name):
    first = answer(tmp_path / "a.osm", node(5), node(2, version=1, name="old"))
    second = answer(tmp_path / "b.osm", node(2, version=3, name="new"), node(1), node(5))
    box = (125.3, 43.9, 125.4, 44.0)
    assert merge_answers([first, second], box, tmp_path / name) == 3
    data = (tmp_path / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    assert '<bounds minlat="43.9" minlon="125.3" maxlat="44" maxlon="125.4"/>' in text
    assert "somebody" not in text
    found = [(item.id, item.version, item.tags.get("name"), item.timestamp.day) for item in osmium.FileProcessor(str(tmp_path / name))]
    assert found == [(1, 1, None, 1), (2, 3, "new", 3), (5, 1, None, 1)]


def test_an_answer_that_was_damaged_since_is_told(tmp_path):
    whole, broken = answer(tmp_path / "a.osm", node(1)), answer(tmp_path / "b.osm", node(2), end="")
    with pytest.raises(SourceError, match="the answers cannot be merged"):
        merge_answers([whole, broken], (0, 0, 1, 1), tmp_path / "all.osm.gz")


def test_the_query_asks_for_what_the_reader_needs():
    query = overpass_query((125.3, 43.9, 125.4, 44.0), "2024-04-09")
    here = "(43.9000000,125.3000000,44.0000000,125.4000000)"  # south, west, north, east
    assert query.startswith('[out:xml][timeout:180][maxsize:536870912][date:"2024-04-09T00:00:00Z"];')
    assert all(f"{kind}{here}" in query for kind in ("node", "way", "rel"))
    assert query.endswith("(.nodes;.ways;.relations;.ways >;.areas >;);out meta;")  # places of all nodes, and when each was edited
    assert "date" not in overpass_query((0, 0, 1, 1), "")
