"""What changed between two ledgers, what was struck off, and on which proof."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
import shapely

from spatial.ledger.ladder import CANCELLED, TITLES, rank
from spatial.ledger.records import FIELDS, Ledger
from spatial.ledger.values import plain_of
from spatial.targets.model import CHANGES
from spatial.text import Text
from spatial.units import unit_of

_TOLD_APART = ("id", "status", "status_date", "quantity", "unit", "due_date")
_FIELD_TITLES = {
    "name": Text("名称", "name"), "type": Text("类型", "type"), "subtype": Text("子类", "subtype"), "district": Text("区县", "district"),
    "address": Text("地址", "address"), "target_id": Text("对应目标", "target"), "plan_year": Text("计划年度", "plan year"),
    "owner": Text("业主", "owner"), "evidence": Text("佐证", "evidence"), "source": Text("来源", "source"),
    "start_date": Text("开工日期", "start date"), "milestones": Text("节点", "milestones"), "lead_unit": Text("牵头单位", "lead unit"),
    "assisting_unit": Text("配合单位", "assisting unit"), "investment": Text("投资", "investment"),
    "investment_source": Text("资金来源", "source of money"), "acceptance": Text("验收文件", "acceptance document"),
    "before": Text("改造前", "before"), "after": Text("改造后", "after"), "people": Text("受益人数", "people who gain"),
    "weight": Text("权重", "weight"), "answers": Text("回应的体检问题", "problem answered"), "geometry": Text("图形", "geometry"),
}  # fmt: skip
_PROOFS = ("acceptance", "evidence", "before", "after")
_SAME_PLACE_M = 0.1


def changes(old: Ledger, new: Ledger) -> pd.DataFrame:
    """Compare two ledgers record by record.

    Parameters
    ----------
    old, new
        Records are matched by ``id``; those without one by name, type and district.

    Returns
    -------
    pandas.DataFrame
        Columns ``CHANGES``, one row a difference: first what was struck off without proof and what vanished before it was done, then
        what was struck off with proof, then the rest; nothing where the ledgers say the same. A record of one ledger whose row of the other
        was left out on reading has not vanished and is not new: the reason is told.
    """
    before, after = _by_key(old), _by_key(new)
    unread_before, unread_after = _unread(old), _unread(new)
    rows: list[tuple[int, str, str, dict[str, Any]]] = []

    def add(order: int, record: Mapping[str, Any], what: str, text: Text, *, was: str = "", now: str = "", struck: bool = False) -> None:
        proof = proof_of(record) if struck else ""
        row = {
            "id": record["id"], "name": record["name"], "type": record["type"], "area_name": record["district"], "what": what,
            "before": was, "after": now, "proof": proof, "struck_off": struck, "text_zh": text.zh, "text_en": text.en,
        }  # fmt: skip
        rows.append((order, str(record["id"]), f"{record['name']} {what}", row))

    for key in before.keys() - after.keys():
        record = before[key]
        if (why := unread_after.get(key[:-1])) is not None:
            text = Text(
                f"本期台账中该行未采用，无从比较：{why.zh}", f"its row in the newer ledger was left out, so that nothing compares: {why.en}"
            )
            add(1, record, "other", text)
            continue
        if not key[0]:  # the row that it had says nothing in the newer file
            record = {**record, "id": ""}
        done = _is_done(record["status"]) or record["status"] == CANCELLED
        text = Text("已从台账中移除", "no longer in the ledger")
        if not done:
            text = Text(
                "未完成即从台账中消失，未销号：请核查", "vanished from the ledger before it was done, and was not struck off: look into it"
            )
        add(5 if done else 1, record, "gone", text, was=record["status"])
    for key in after.keys() - before.keys():
        record = after[key]
        why = unread_before.get(key[:-1])
        since = isinstance(record["status_date"], date) and record["status_date"] <= old.date
        struck = _is_done(record["status"]) and not since
        text = Text("新列入台账", "new in the ledger")
        if why is not None:
            text = Text(
                f"上期台账中该行未采用，无从比较：{why.zh}", f"its row in the older ledger was left out, so that nothing compares: {why.en}"
            )
        elif _is_done(record["status"]) and since:
            day = record["status_date"].isoformat()
            text = Text(
                f"补录：{day} 即已完成，而上期台账（{old.date}）没有这一项",
                f"entered late: done on {day} already, and the older ledger of {old.date} does not have it",
            )
        if struck and why is None:
            text = _struck(record, old, Text("新列入台账时即已完成", "entered the ledger as already done"))
        what = "new" if why is None else "other"
        add(_order(record) if struck else 4, record, what, text, now=record["status"] if why is None else "", struck=struck)
    for key in before.keys() & after.keys():
        _differences(before[key], after[key], old, add)
    rows.sort(key=lambda row: (*row[:3], str(row[3])))  # two without an id may be of one name
    return pd.DataFrame([row[3] for row in rows], columns=list(CHANGES))


def proof_of(record: Mapping[str, Any]) -> str:
    """Return what proves that a task is done: the acceptance document, the evidence, the state before and after; empty where nothing does.

    A picture of one moment alone, before or after, proves no change.
    """
    pair = f"{record['before']} → {record['after']}" if record["before"] and record["after"] else ""
    return " · ".join(part for part in (record["acceptance"], record["evidence"], pair) if part)


def named_by_row(record: Mapping[Any, Any]) -> bool:
    """Tell whether a record has no id of its own: reading calls it by its row, which is another one in another file."""
    return not record["id"] or record["id"] == f"row {record['row']}"


def _unread(ledger: Ledger) -> dict[tuple[Any, ...], Text]:
    """Return why rows were left out on reading, by the id that they would have had."""
    rows = ledger.left_out.to_dict("records")
    return {(plain_of(row["id"]),): Text(row["reason_zh"], row["reason_en"]) for row in rows if not named_by_row(row)}


def _by_key(ledger: Ledger) -> dict[tuple[Any, ...], dict[str, Any]]:
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in ledger.frame.to_dict("records"):
        names = ("name", "type", "district") if named_by_row(record) else ("id",)
        key: tuple[Any, ...] = (*([""] if len(names) > 1 else []), *(plain_of(record[name]) for name in names))
        nth = 0
        while (*key, nth) in found:  # several without an id and of one name: told apart by their order
            nth += 1
        found[(*key, nth)] = record
    return found


def _is_done(status: str) -> bool:
    return rank(status) >= rank("completed")


def _order(record: Mapping[str, Any]) -> int:
    return 2 if proof_of(record) else 0


def _struck(record: Mapping[str, Any], old: Ledger, what: Text) -> Text:
    proof = proof_of(record)
    said = Text(f"{what.zh}，可以销号，佐证：{proof}", f"{what.en}: may be struck off, proof: {proof}")
    if not proof:
        said = Text(f"{what.zh}，但没有任何佐证材料：不应销号", f"{what.en} WITHOUT ANY PROOF: it should not be struck off")
    if isinstance(record["status_date"], date) and record["status_date"] <= old.date:
        day = record["status_date"].isoformat()
        said = Text(
            f"{said.zh}；完成日期 {day} 早于上期台账（{old.date}），而上期台账尚未完成",
            f"{said.en}; dated {day}, before the older ledger of {old.date}, which did not have it as done",
        )
    return said


def _differences(was: Mapping[str, Any], now: Mapping[str, Any], old: Ledger, add: Any) -> None:
    struck = _is_done(now["status"]) and not _is_done(was["status"])
    if was["status"] != now["status"]:
        first, last = TITLES[was["status"]], TITLES[now["status"]]
        order, text = 3, Text(f"由“{first.zh}”变为“{last.zh}”", f"from {first.en} to {last.en}")
        if struck:
            order, text = (
                _order(now),
                _struck(now, old, Text(f"由“{first.zh}”变为“{last.zh}”", f"from {first.en} to {last.en}")),
            )
        elif now["status"] != CANCELLED and rank(now["status"]) < rank(was["status"]):
            order, text = 1, Text(f"进度倒退：{text.zh}", f"fell back: {text.en}")
        elif now["status"] == CANCELLED:
            order, text = 1, Text(f"任务取消（原为“{first.zh}”）", f"cancelled; it was {first.en}")
        add(order, now, "status", text, was=was["status"], now=now["status"], struck=struck)
    if not _same(was["quantity"], now["quantity"]) or (was["unit"] != now["unit"] and not math.isnan(now["quantity"])):
        first, last = _amount(was), _amount(now)
        text = Text(f"数量由 {first.zh} 变为 {last.zh}", f"quantity from {first.en} to {last.en}")
        add(
            6,
            now,
            "quantity",
            text,
            was=f"{_number(was['quantity'])} {was['unit']}".strip(),
            now=f"{_number(now['quantity'])} {now['unit']}".strip(),
        )
    if not _same(was["due_date"], now["due_date"]):
        add(7, now, "due_date", _postponed(was["due_date"], now["due_date"]), was=_written(was["due_date"]), now=_written(now["due_date"]))
    told = (*_TOLD_APART, *(_PROOFS if struck else ()))  # what proves a task that was struck off stands there already
    other = [key for key in FIELDS if key not in told and not _same(was[key], now[key])]
    if was["status"] == now["status"] and not _same(was["status_date"], now["status_date"]):
        other.append("status_date")
    moved = ["geometry"] if _moved(was.get("geometry"), now.get("geometry")) else []
    if other or moved:
        titles = [_FIELD_TITLES.get(key, Text("状态日期", "date of the status")) for key in (*other, *moved)]
        text = Text(f"更新：{'、'.join(title.zh for title in titles)}", f"changed: {', '.join(title.en for title in titles)}")
        add(
            8,
            now,
            "other",
            text,
            was="; ".join(_written(was[key]) or "—" for key in other),
            now="; ".join(_written(now[key]) or "—" for key in other),
        )


def _postponed(was: Any, now: Any) -> Text:
    if not isinstance(now, date):
        return Text(f"取消了完成期限（原为 {was}）", f"the due date, {was}, was taken away")
    if not isinstance(was, date):
        return Text(f"定于 {now} 完成", f"now due on {now}")
    days = (now - was).days
    if days > 0:
        return Text(f"完成期限推迟 {days} 天，至 {now}", f"put off by {days} day{'' if days == 1 else 's'}, to {now}")
    return Text(f"完成期限提前 {-days} 天，至 {now}", f"brought forward by {-days} day{'' if days == -1 else 's'}, to {now}")


def _amount(record: Mapping[str, Any]) -> Text:
    unit = unit_of(record["unit"] or "count")
    return Text(unit.show(record["quantity"], "zh"), unit.show(record["quantity"], "en"))


def _absent(value: Any) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or value == "" or (isinstance(value, float) and math.isnan(value))


def _same(one: Any, other: Any) -> bool:
    return (_absent(one) and _absent(other)) or (not _absent(one) and not _absent(other) and bool(one == other))


def _written(value: Any) -> str:
    if _absent(value):
        return ""
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float) -> str:
    return "" if _absent(value) else f"{value:.10g}"


def _moved(was: Any, now: Any) -> bool:
    if was is None or now is None:
        return (was is None) != (now is None)
    return not shapely.equals_exact(shapely.normalize(was), shapely.normalize(now), tolerance=_SAME_PLACE_M)
