"""How far a task has come: the ladder of statuses, as offices write them and as they rank."""

from __future__ import annotations

import unicodedata

from spatial.text import Text

LADDER = ("planned", "approved", "started", "main_structure", "completed", "opened")
CANCELLED = "cancelled"
STATUSES = (*LADDER, CANCELLED)
TITLES = {
    "planned": Text("谋划", "planned"),
    "approved": Text("已批复", "approved"),
    "started": Text("已开工", "started"),
    "main_structure": Text("主体完工", "main structure done"),
    "completed": Text("已竣工", "completed"),
    "opened": Text("已投用", "opened"),
    "cancelled": Text("已取消", "cancelled"),
}
_WORDS = {
    "planned": ("谋划", "规划", "计划", "前期", "储备", "未开工", "签约前"),
    "approved": ("批复", "已批复", "审批通过", "立项", "已立项", "签约", "已签约", "signed"),
    "started": ("开工", "已开工", "在建", "施工中", "实施中", "进行中", "推进中", "整改中", "在施", "开复工", "启动", "已启动", "建设中"),
    "main_structure": ("主体完工", "主体封顶", "封顶", "主体竣工"),
    "completed": ("竣工", "已竣工", "完工", "已完工", "完成", "已完成", "建成", "已建成", "验收", "已验收", "销号", "已销号", "done"),
    "opened": ("开放", "已开放", "投用", "已投用", "投入使用", "运营", "已运营", "通车", "已通车", "开业", "已开业", "in operation"),
    "cancelled": ("取消", "已取消", "终止", "已终止", "canceled", "撤销", "已撤销"),
}
_KNOWN = {word: status for status, words in _WORDS.items() for word in (status, status.replace("_", " "), *words)}


def rank(status: str) -> int:
    """Return the step of a status on the ladder, 0 for ``planned``; -1 for ``cancelled``, which is off it.

    Raises
    ------
    ValueError
        The status is none of ``STATUSES``.
    """
    return -1 if status == CANCELLED else LADDER.index(status)


def status_of(word: object) -> str | None:
    """Read a status as an office writes it (``已竣工``, ``completed``); ``None`` for a word that is not known."""
    text = unicodedata.normalize("NFKC", str(word)).strip().lower()
    return _KNOWN.get(text)
