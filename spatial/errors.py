"""Every public error: each says what, where, how many, which, and what to do.

Each error has two parents, ``SpatialError`` and the built-in that a caller would expect, and the exit code of the command line.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator


class SpatialError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code = 1


class OptionError(SpatialError, ValueError):
    """An option, a metric, a layer name or a key that does not exist or has an impossible value."""

    exit_code = 2


class ProjectError(SpatialError, ValueError):
    """``city.toml`` or a declaration cannot be understood."""

    exit_code = 2


class SourceError(SpatialError, OSError):
    """An input file is missing, truncated, corrupt or of a kind that cannot be read."""

    exit_code = 3


class LayerError(SpatialError, ValueError):
    """The content of a layer cannot be used: geometry, ids, fields, counts."""

    exit_code = 3


class PlanError(SpatialError, ValueError):
    """A plan's CSV cannot be used: a target that cannot be understood, or that is bound to nothing."""

    exit_code = 3


class CRSError(SpatialError, ValueError):
    """A coordinate reference system is missing, unfit, or cannot be reached without guessing."""

    exit_code = 3


class MetricError(SpatialError, ValueError):
    """A metric, often of another package, is declared or answers in a way that cannot be used."""

    exit_code = 1


class FetchError(SpatialError, OSError):
    """A server of OpenStreetMap data cannot be reached, refuses, answers with what cannot be used, or does not know the place."""

    exit_code = 5


class OutputError(SpatialError, OSError):
    """The output folder cannot be written or holds something else."""

    exit_code = 4


class Faults:
    """Gather all faults of one input and raise them once.

    Parameters
    ----------
    kind
        The error class that is raised.
    """

    def __init__(self, kind: type[SpatialError]) -> None:
        self.kind = kind
        self.messages: list[str] = []

    def add(self, message: str) -> None:
        """Keep one fault."""
        self.messages.append(message)

    def raise_if_any(self) -> None:
        """Raise ``kind`` with every message, one a line; do nothing when there are none."""
        if self.messages:
            raise self.kind("\n".join(self.messages))


@contextlib.contextmanager
def named(where: str, kind: type[SpatialError]) -> Iterator[None]:
    """Put the file, which a function further down does not know, before the message of an error of one kind."""
    try:
        yield
    except kind as error:
        raise kind(f"{where}: {error}") from error


def sample(values: Iterable[object], limit: int = 5) -> str:
    """Name the first few of many: ``4, 17, 90 …``; long ones are cut, and nothing that a terminal would obey is kept."""
    listed = list(values)
    return ", ".join(shown(value) for value in listed[:limit]) + (" …" if len(listed) > limit else "")


def shown(value: object, limit: int = 60) -> str:
    """Make a text from an input fit for a message: one line, printable, not endless."""
    text = "".join(letter if letter.isprintable() else "�" for letter in str(value)[: limit + 1])
    return text if len(text) <= limit else f"{text[:limit]}…"


_MOST_LINES, _MOST_LETTERS = 40, 600


def printable(message: object) -> str:
    """Make a whole message fit for a terminal, whatever an input put into it: nothing that it would obey, no endless line, no endless list."""
    lines = str(message).split("\n")
    more = f"\n… and {len(lines) - _MOST_LINES} more" if len(lines) > _MOST_LINES else ""
    return "\n".join(_middle_out(shown(line, len(line))) for line in lines[:_MOST_LINES]) + more


def _middle_out(line: str) -> str:
    """Keep the beginning of a long line, which says where, and its end, which says what to do."""
    return line if len(line) <= _MOST_LETTERS else f"{line[: _MOST_LETTERS // 2]} … {line[-_MOST_LETTERS // 2 :]}"


def plain(number: float) -> str:
    """Write a coordinate as people do: degrees with six places, metres whole, never with an exponent."""
    return f"{number:.6f}".rstrip("0").rstrip(".") if abs(number) < 1000 else f"{number:.0f}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the nearest known word: ``; did you mean "parks"?`` or an empty text."""
    import difflib

    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f'; did you mean "{shown(close[0])}"?' if close else ""
