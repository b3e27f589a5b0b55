"""What stands on every sheet of a city: who issues it, its approval number, what lies under the map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spatial.catalogue import check_keys, check_type
from spatial.errors import Faults

SHEET_KEYS = ("issuing_unit", "approval_number", "base_map", "base_map_token", "base_map_attribution")


@dataclass(frozen=True)
class Sheet:
    """What ``[map]`` of ``city.toml`` says.

    Attributes
    ----------
    issuing_unit
        Who issues maps and reports; empty where nobody is named.
    approval_number
        The number under which the map was approved (审图号); empty for a working map.
    base_map
        ``"none"``, ``"osm"``, ``"tianditu"`` or a template of tiles (``https://…/{z}/{x}/{y}.png``).
    base_map_token
        The user's own, for Tianditu.
    base_map_attribution
        Whose tiles they are, for a template.
    """

    issuing_unit: str = ""
    approval_number: str = ""
    base_map: str = field(default="none", repr=False)  # a template may hold a key
    base_map_token: str = field(default="", repr=False)
    base_map_attribution: str = ""


def parse_sheet(raw: Mapping[str, Any], where: str, faults: Faults) -> Sheet:
    """Check ``[map]`` of ``city.toml``."""
    table = raw.get("map", {})
    if not isinstance(table, dict):
        faults.add(f"{where}: map must be a table, written [map]")
        return Sheet()
    messages = check_keys(table, SHEET_KEYS, where=f"{where} [map]")
    secret = [key for key in ("base_map", "base_map_token") if not isinstance(table.get(key, ""), str)]
    messages += [f"{where} [map]: {key} must be text, in quotes" for key in secret]  # and what it is, is not shown
    messages += [m for key in SHEET_KEYS if key not in secret for m in check_type(table, key, str, "text", where=f"{where} [map]")]
    for message in messages:
        faults.add(message)
    return Sheet() if messages else Sheet(**table)
