"""Which datum the local layers are in: what ``city.toml`` declares against the file's own name."""

from __future__ import annotations

import re

from spatial.check.report import Report
from spatial.city import City
from spatial.city_toml import Project
from spatial.project import Inputs
from spatial.text import Text

_NAMED = {"gcj02": r"gcj[-_ ]?0?2|火星", "bd09": r"bd[-_ ]?0?9|百度", "wgs84": r"wgs[-_ ]?(19)?84", "cgcs2000": r"cgcs[-_ ]?2000|大地2000"}
_SAME = ({"wgs84", "cgcs2000"},)


def look_at_datums(report: Report, project: Project, city: City, read: Inputs) -> None:
    """Add what is known of the datum of each local layer."""
    for name, local in project.layers.items():
        if local.path is None:
            continue
        named = [datum for datum, pattern in _NAMED.items() if re.search(pattern, local.path.name, re.IGNORECASE)]
        declared = local.read.datum
        if len(named) == 1 and named[0] != declared and not any({named[0], declared} <= same for same in _SAME):
            report.add("warning", name, Text(
                f"文件名 {local.path.name} 称 {named[0]}，按 {declared} 读取：请核实，并写明 datum",
                f"the name {local.path.name} says {named[0]}, it is read as {declared}: find out which is true, and state datum",
            ))  # fmt: skip
