"""A page in both languages: what is equal stands once, what differs stands twice, numbered texts are pairs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from spatial.outputs.webmap.languages import Column, Shared, Texts, in_both
from spatial.text import Lang
from tests.outputs.test_maps import localized

WORDS = {"road": {"zh": "道路", "en": "road"}, "street": {"zh": "道路", "en": "street"}, "K1": {"zh": "K1", "en": "K1"}}
LEAVES = st.none() | st.booleans() | st.integers() | st.sampled_from(sorted(WORDS))
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=20
)


def said(node: Any, lang: Lang) -> Any:
    """Return a tree with its words in one language."""
    if isinstance(node, str):
        return WORDS[node][lang]
    if isinstance(node, list):
        return [said(each, lang) for each in node]
    return {key: said(each, lang) for key, each in node.items()} if isinstance(node, dict) else node


def test_what_is_equal_stands_once() -> None:
    page = in_both(lambda lang, texts: {"name": "K1", "kind": WORDS["road"][lang], "steps": [1, 2, 3]})
    assert page == {"name": "K1", "kind": {"zh": "道路", "en": "road"}, "steps": [1, 2, 3], "texts": [""]}


# 道路 is one text in Chinese and two in English: the numbers of the page tell them apart.
def test_numbered_texts_are_pairs() -> None:
    page = in_both(lambda lang, texts: {"rows": [texts.number(WORDS[key][lang]) for key in ("road", "street", "K1", "road")]})
    assert page["texts"] == ["", {"zh": "道路", "en": "road"}, {"zh": "道路", "en": "street"}, "K1"]
    assert page["rows"] == [1, 2, 3, 1]


def test_parts_of_another_shape_keep_their_texts() -> None:
    def build(lang: Lang, texts: Texts) -> dict[str, Any]:
        rows = [texts.number("甲"), texts.number("乙")] if lang == "zh" else [texts.number("both")]
        return {"rows": rows}

    page = in_both(build)
    for lang, rows in (("zh", ["甲", "乙"]), ("en", ["both"])):
        here = localized(page, lang)
        assert [here["texts"][row] for row in here["rows"]] == rows


@given(rows=st.lists(st.sampled_from(sorted(WORDS)), max_size=12), at_once=st.booleans())
def test_columns_of_texts_are_pairs_row_by_row(rows: list[str], at_once: bool) -> None:
    keys = Column.of(rows)  # in common, with two keys for one Chinese word; or made of the texts of each language

    def build(lang: Lang, texts: Texts) -> dict[str, Any]:
        said = [WORDS[key][lang] for key in rows]
        return {"rows": Column(keys.codes, [WORDS[key][lang] for key in keys.texts]) if at_once else Column.of(said)}

    page = in_both(build)
    assert len(page["texts"]) == 1 + len(set(rows))
    for lang in ("zh", "en"):
        here = localized(page, lang)
        assert [here["texts"][row] for row in here["rows"]] == [WORDS[key][lang] for key in rows]


def test_columns_of_another_length_keep_their_texts() -> None:
    page = in_both(lambda lang, texts: {"rows": Column.of(["甲", "乙", "甲"] if lang == "zh" else ["both"])})
    for lang, rows in (("zh", ["甲", "乙", "甲"]), ("en", ["both"])):
        here = localized(page, lang)
        assert [here["texts"][row] for row in here["rows"]] == rows


@given(tree=TREES)
def test_each_language_reads_as_if_it_were_alone(tree: Any) -> None:
    page = in_both(lambda lang, texts: {"tree": said(tree, lang)})
    for lang in ("zh", "en"):
        assert localized(page, lang)["tree"] == said(tree, lang)


def test_shared_parts_are_made_once() -> None:
    shared, made = Shared(), []
    for _ in range(2):
        assert shared.once("shapes", lambda: made.append(1) or "drawn") == "drawn"
    assert made == [1]
