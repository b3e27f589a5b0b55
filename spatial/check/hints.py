"""Chinese beside an error's English: taken from the page of errors, where each message that is met often has its cause and remedy."""

from __future__ import annotations

import functools
import re

from spatial.catalogue import shipped

_HEADING = "## Messages that are met most"


def hint_of(message: str) -> str:
    """Say in Chinese what a message means; empty for one that the page of errors does not list."""
    return next((hint for pattern, hint in _hints() if pattern.search(message)), "")


@functools.cache
def _hints() -> list[tuple[re.Pattern[str], str]]:
    """Patterns of messages, in which an ellipsis stands for what differs, and their Chinese; the longest first."""
    page = (shipped() / "docs" / "errors.md").read_text(encoding="utf-8").split(_HEADING)[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in page.splitlines() if line.startswith("| `")]
    made = []
    for row in sorted(rows, key=lambda row: -len(row[0])):
        parts = row[0].strip().strip("`").split("…")
        made.append((re.compile(".*?".join(re.escape(part) for part in parts), re.DOTALL), row[-1].strip(" |")))
    return made
