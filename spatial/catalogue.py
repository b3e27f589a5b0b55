"""Find, parse and check the declarations: ``layers/``, ``maps/``, ``data/``, shipped and a user's own."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from spatial.errors import ProjectError, nearest, shown

KINDS = ("layers", "maps", "data")
_WIDE = {
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "＝": "=",
    "，": ",",
    "［": "[",
    "］": "]",
    "【": "[",
    "】": "]",
    "｛": "{",
    "｝": "}",
    "＂": '"',
}


@functools.cache
def shipped() -> Path:
    """Return the folder that holds the shipped ``layers/``, ``maps/`` and ``data/``.

    Raises
    ------
    ProjectError
        The installation is damaged: they are neither in the package nor in the checkout it runs from.
    """
    package = Path(__file__).resolve().parent
    if (inside := package / "_catalogue").is_dir():
        return inside
    checkout = package.parent
    own = checkout / "pyproject.toml"
    if own.is_file() and 'name = "spatial-planning"' in own.read_text(encoding="utf-8") and (checkout / "layers").is_dir():
        return checkout
    raise ProjectError("the shipped declarations (layers, maps, data) are missing; install spatial-planning again")


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises
    ------
    ProjectError
        The file is missing, is not UTF-8, or is not TOML; says the line.
    """
    if path.exists() and not path.is_file():  # a pipe or a device never ends
        raise ProjectError(f"{path}: is a folder, a pipe or a device, not a file; remove it, or name the file")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ProjectError(f'{path}: no such file; "spatial init DIR" makes a project folder') from None
    except UnicodeDecodeError:
        raise ProjectError(f"{path}: is not UTF-8 (perhaps GBK, as some editors save by default); save it as UTF-8") from None
    except OSError as error:
        raise ProjectError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(f"{path}: is not valid TOML: {error}{_hint(text, str(error))}") from None
    except ValueError as error:  # a number of thousands of digits
        raise ProjectError(f"{path}: holds a value that cannot be read: {error}") from None
    except RecursionError:
        raise ProjectError(f"{path}: is nested too deeply") from None


def _hint(text: str, said: str) -> str:
    """Show the line that TOML could not read, and what is most often wrong with it."""
    if not (place := re.search(r"at line (\d+), column (\d+)", said)):
        return ""
    whole = text.replace("\r\n", "\n").split("\n")[int(place[1]) - 1]
    line, column = whole.strip(), int(place[2]) - 1
    remedy = ""
    if (key := _chinese_word(whole, column)) and said.startswith("Invalid value"):
        remedy = f'; a text needs quotes: "{key}"'
    elif key:
        remedy = f'; a key with Chinese letters needs quotes: "{key}" = …'
    elif found := next((letter for letter in line.partition("#")[0] if letter in _WIDE), None):
        remedy = f"; {found} is not the sign that TOML knows: write {_WIDE[found]}"
    elif "\\" in line:
        remedy = '; write paths with /, as in "data/parks.shp"'
    return f": {shown(line, 100)}{remedy}"


def _chinese_word(line: str, column: int) -> str:
    """Return the word that TOML stopped in, at a letter that neither a key nor a value may have without quotes."""
    here = next((match for match in re.finditer(r"[\w-]+", line) if match.start() <= column < match.end()), None)
    return here[0] if here and not here[0].isascii() and column < len(line) and not line[column].isascii() else ""


def declarations(kind: str, own: Path | None = None, *, deep: bool = False) -> dict[str, dict[str, Any]]:
    """Read all declarations of a kind; a user's file overrides the shipped one of its name, key by key.

    Parameters
    ----------
    kind
        ``layers`` or ``maps``.
    own
        The user's project folder.
    deep
        Whether tables are joined to any depth, not only the keys of the file.

    Returns
    -------
    dict
        Parsed TOML by name, the name being the file's stem; the path stands under ``"__path__"``.

    Raises
    ------
    ProjectError
        A file cannot be parsed.
    """
    found: dict[str, dict[str, Any]] = {}
    folders = [shipped() / kind] + ([own / kind] if own and (own / kind).is_dir() else [])
    for folder in folders:
        for path in sorted(folder.glob("*.toml")):
            below, above = found.get(path.stem, {}), read_toml(path)
            found[path.stem] = {**(merged(below, above) if deep else {**below, **above}), "__path__": str(path)}
    return dict(sorted(found.items()))


@functools.cache
def reference(name: str) -> dict[str, Any]:
    """Read a shipped reference table of ``data/``, for example ``road_classes``."""
    return read_toml(shipped() / "data" / f"{name}.toml")


def own_reference(name: str, own: Path | None) -> dict[str, Any]:
    """Read a reference table that a project may add to: ``NAME.toml`` beside its ``city.toml`` overrides the shipped one, key by key.

    Parameters
    ----------
    name
        For example ``facilities``.
    own
        The project's folder; ``None`` for what is shipped.

    Returns
    -------
    dict
        Tables are merged to any depth; everything else is replaced.

    Raises
    ------
    ProjectError
        The project's file cannot be parsed.
    """
    table = reference(name)
    path = own / f"{name}.toml" if own else None
    return merged(table, read_toml(path)) if path and path.is_file() else table


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Join two tables: tables within them to any depth; everything else of the second replaces that of the first."""
    both = {key: merged(below[key], value) for key, value in above.items() if isinstance(value, dict) and isinstance(below.get(key), dict)}
    return {**below, **above, **both}


def check_keys(table: Mapping[str, Any], allowed: Iterable[str], *, where: str) -> list[str]:
    """List what is wrong with the keys of a table: each unknown one with the nearest known one.

    Returns
    -------
    list of str
        One message an unknown key.
    """
    known = list(allowed)
    return [
        f'{where}: unknown key "{key}"{nearest(key, known)}'
        if nearest(key, known)
        else f'{where}: unknown key "{key}"; known: {", ".join(known)}'
        for key in table
        if key not in known and key != "__path__"
    ]


def check_type(table: Mapping[str, Any], key: str, kinds: type | tuple[type, ...], what: str, *, where: str) -> list[str]:
    """List what is wrong with the type of one value; an absent key is right."""
    if key in table and (not isinstance(table[key], kinds) or (isinstance(table[key], bool) and kinds is not bool)):
        return [f"{where}: {key} must be {what}, not {table[key]!r}"]
    return []
