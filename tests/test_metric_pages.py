"""``docs/metrics`` says what the registry says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from spatial.metrics import registered
from spatial.targets.plans import shipped_plans

DOCS = Path(__file__).parents[1] / "docs"


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("metric_pages", DOCS / "metrics.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return generator().pages()


def test_the_pages_are_current(made: dict[str, str]) -> None:
    kept = {path.name: path.read_text(encoding="utf-8") for path in (DOCS / "metrics").glob("*.md")}
    changed = sorted(name for name in {*made, *kept} if made.get(name) != kept.get(name))
    assert not changed, f"docs/metrics is behind the registry ({', '.join(changed[:5])}): run make docs"


def test_every_metric_has_a_page_or_a_row(made: dict[str, str]) -> None:
    shipped = {name: metric for name, metric in registered(None).items() if metric.function.__module__.startswith("spatial.")}
    for name, metric in shipped.items():
        page = made[{"layers": f"{name}.md", "ledger": "ledger.md", "statistics": "statistics.md"}[metric.source]]
        assert f"`{name}`" in page
        if metric.source == "layers":
            assert f"[`{name}`]({name}.md)" in made["README.md"]
            assert all(f"`{variant}`" in page for variant in metric.variants if variant)
            assert all(f"`{name}.{frame}`" in page for frame in metric.evidence)
    assert sum(row.startswith("| `") for row in made["ledger.md"].splitlines()) == sum(
        metric.source == "ledger" for metric in shipped.values()
    )


def test_what_plans_hold_against_a_metric_stands_on_its_page(made: dict[str, str]) -> None:
    bound = [target for target in shipped_plans()[1] if target.kind == "metric"]
    assert bound
    for target in bound:
        assert target.title.zh in made[f"{target.measure}.md"].replace("\\", "")
    assert "≥ 16.8%" in made["road_area_ratio.md"]


def test_tables_are_whole_and_links_lead_somewhere(made: dict[str, str]) -> None:
    """As many cells in a row as in its head, whatever a text holds; every relative link names a file that is there or is made."""
    for name, page in made.items():
        for table in re.findall(r"(?:^\|.*\n)+", page, re.M):
            cells = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
            assert len(cells) == 1, (name, table[:200])
        for link in re.findall(r"\]\(([^)#]+)\)", page):
            assert link in made or (DOCS / "metrics" / link).resolve().is_file(), (name, link)


def test_words_are_no_marks() -> None:
    escaped = generator().escaped
    assert escaped("a|b <i> *c* [d](e) `f|g` ``h_i``") == r"a\|b \<i\> \*c\* \[d\](e) `f\|g` `h_i`"
    assert escaped("two\n   lines") == "two lines"


def test_a_page_that_is_no_more_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module = generator()
    monkeypatch.setattr(module, "PAGES", tmp_path)
    monkeypatch.setattr(module, "pages", lambda: {"here.md": "text\n"})
    (tmp_path / "gone.md").write_text("old", encoding="utf-8")
    assert module.main() == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {"here.md": "text\n"}
    assert capsys.readouterr().out == "removed gone.md\nhere.md\n"
    module.main()
    assert capsys.readouterr().out == ""
