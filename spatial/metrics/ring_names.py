"""What people call a ring: streets of several names that are one, names and numbers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from spatial.catalogue import own_reference
from spatial.errors import ProjectError, shown
from spatial.overlay import Ints
from spatial.roads.rings import Ring
from spatial.text import Text


def ring_keys(names: npt.NDArray[np.object_], refs: npt.NDArray[np.object_], own: Path | None) -> dict[str, Ints]:
    """Return what lines may have in common as a ring, each with the lines that bear it.

    Parameters
    ----------
    names, refs
        Of each line; empty where it has none. A ``ref`` may hold several numbers.
    own
        The project's folder, whose ``rings.toml`` says what people call a ring.

    Returns
    -------
    dict
        Rings of ``rings.toml``, other names, numbers; where no line bears any, all of them under an empty key.

    Raises
    ------
    ProjectError
        ``rings.toml`` of the project is not made as it must be.
    """
    declared = _declared(own)
    frame = pd.DataFrame({"name": names, "ref": refs, "line": np.arange(len(names))})
    found: dict[str, list[Ints]] = {}
    for name, lines in frame.groupby("name", sort=True)["line"]:
        called = [ring for ring, fits in declared.items() if name and fits(str(name))]
        for key in called or ([str(name)] if name else []):
            found.setdefault(key, []).append(lines.to_numpy())
    for ref, lines in frame.groupby("ref", sort=True)["line"]:
        for number in numbers_of(str(ref)):
            found.setdefault(number, []).append(lines.to_numpy())
    if len(frame) and not found:
        found[""] = [frame["line"].to_numpy()]
    return {key: np.unique(np.concatenate(lines)) for key, lines in sorted(found.items())}


def known_rings(own: Path | None) -> frozenset[str]:
    """Return what people call a ring: the names in ``rings.toml``."""
    return frozenset(_declared(own))


def called(ring: Ring) -> Text:
    """Return what people call a ring: what its lines have in common."""
    return Text(shown(ring.key), shown(ring.key)) if ring.key else Text("无名环线", "the unnamed ring")


def _declared(own: Path | None) -> dict[str, Callable[[str], bool]]:
    table = own_reference("rings", own).get("rings", {})
    made: dict[str, Callable[[str], bool]] = {}
    for ring, row in table.items() if isinstance(table, dict) else ():
        parts, whole = ((row.get(key, []) if isinstance(row, dict) else None) for key in ("contains", "streets"))
        if not (_are_words(parts) and _are_words(whole) and (parts or whole)):
            raise ProjectError(
                f'rings.toml [rings."{shown(ring)}"]: write contains = ["三环"], pieces of street names, or streets = ["和兴路"], whole names'
            )
        made[str(ring)] = functools.partial(_fits, list(parts or ()), frozenset(whole or ()))
    return made


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) and word for word in value)


def _fits(parts: Sequence[str], whole: frozenset[str], name: str) -> bool:
    return name in whole or any(part in name for part in parts)


def numbers_of(ref: str) -> list[str]:
    """Return the numbers of a road, of which a ``ref`` may hold several."""
    return [number for number in dict.fromkeys(part.strip() for part in ref.split(";")) if number]
