"""``docs/errors.md`` lists every public error as the code has it, and only messages that the code can say."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from spatial import errors

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "errors.md").read_text("utf-8")
CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.SpatialError) and kind.__module__ == "spatial.errors"
}
TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "spatial").rglob("*.py")) if "_catalogue" not in path.parts}


def rows(title: str) -> list[list[str]]:
    """The cells of the table below a heading, without its head."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def templates() -> list[str]:
    """Every text of the package but its docstrings, with … for what is put into it."""
    found = []
    for tree in TREES.values():
        docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if node in docs:
                continue
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


TEMPLATES = templates()


@pytest.mark.parametrize("name", CLASSES)
def test_every_public_error_stands_on_the_page(name: str) -> None:
    kind = CLASSES[name]
    (row,) = [row for row in rows("Classes") if row[0] == f"`{name}`"]
    _, also, code, when, remedy = row
    builtin = Exception if kind is errors.SpatialError else next(base for base in kind.__bases__ if base is not errors.SpatialError)
    assert also == f"`{builtin.__name__}`"
    assert int(code) == kind.exit_code
    assert when
    assert remedy
    assert kind.__doc__
    assert len(kind.__bases__) == 2 or kind is errors.SpatialError


def test_the_page_names_no_error_that_is_gone() -> None:
    assert {row[0].strip("`") for row in rows("Classes")} == set(CLASSES)


def test_every_exit_code_is_told_once() -> None:
    told = [int(row[0]) for row in rows("Exit codes")]
    assert told == sorted({0, 70, 130, *(kind.exit_code for kind in CLASSES.values())})


@pytest.mark.parametrize("name", sorted(set(CLASSES) - {"SpatialError"}))
def test_every_public_error_is_raised_somewhere(name: str) -> None:
    def raises(node: ast.AST) -> bool:
        if isinstance(node, ast.Raise):
            made = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            return isinstance(made, ast.Name) and made.id == name
        gathered = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Faults"
        return gathered and any(isinstance(word, ast.Name) and word.id == name for word in node.args)  # type: ignore[attr-defined]

    places = [path.name for path, tree in TREES.items() for node in ast.walk(tree) if raises(node)]
    assert places, f"{name} is raised nowhere"


def test_no_error_is_raised_that_says_nothing() -> None:
    """The parent of all, or a built-in that the command line would take for a fault of this program."""
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                assert node.exc.func.id not in ("SpatialError", "Exception", "RuntimeError", "TypeError"), f"{path.name}:{node.lineno}"


MESSAGES = [row[0].strip("`") for row in rows("Messages that are met most")]


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_can_be_said(message: str) -> None:
    pattern = re.compile(".*".join(re.escape(part) for part in message.split("…")), re.DOTALL)
    assert any(pattern.search(template) for template in TEMPLATES)


def test_every_message_has_a_cause_and_a_remedy_in_both_languages() -> None:
    for row in rows("Messages that are met most"):
        assert len(row) == 4, row
        assert all(row), row
        assert re.search("[一-鿿]", row[3]), row
    assert len(set(MESSAGES)) == len(MESSAGES)


def test_the_test_sees_a_message_that_nobody_says() -> None:
    with pytest.raises(AssertionError):
        test_every_message_can_be_said("the moon is …, which no file says")
