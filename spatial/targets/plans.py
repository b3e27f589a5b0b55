"""Plans: which documents a city is held to, read and checked; those that came with the package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from spatial import catalogue
from spatial.city_toml import Project
from spatial.errors import Faults, PlanError, nearest, shown
from spatial.metrics.registry import Metric, registered
from spatial.plan_toml import PlanFile
from spatial.targets.model import Plan, Target
from spatial.targets.plan_csv import PlanFaults, read_rows
from spatial.targets.plan_rows import make_target
from spatial.text import Text


def read_plans(project: Project, *, own: Path | None) -> tuple[dict[str, Plan], list[Target]]:
    """Read every plan that ``city.toml`` names.

    Parameters
    ----------
    project
        ``[plans.NAME]``, ``[targets]``; what they say of a shipped plan overrides what it says of itself.
    own
        The project's folder, whose declarations add metrics, ledger metrics and statistics.

    Returns
    -------
    tuple
        Plans by name and their targets, in the order of the files.

    Raises
    ------
    PlanError
        All at once: a file that is no table, rows that cannot be understood, ids twice, targets of the city's own plans that are bound to nothing,
        successors and ids of ``counts`` that do not exist, a plan that neither has a file nor came with the package.
    """
    wrong, faults, known = Faults(PlanError), PlanFaults(), _documents()
    plans = {}
    for name, file in project.planned.plans.items():
        if file.path is None and name not in known:
            wrong.add(
                f"{project.path} [plans.{shown(name)}]: no plan of this name came with the package{nearest(name, known) or f'; {_listed(known)}'}"
                '; a plan of your own needs file = "data/plan.csv"'
            )
            continue
        plans[name] = _said(file, known.get(name), project)
    targets = _targets(plans.values(), registered(own), faults)
    _check_ids(targets, plans, faults)
    _check_successors(targets, plans, faults)
    ids = {target.id for target in targets}
    for name in project.planned.counts if not faults.files else ():
        if name not in ids:
            wrong.add(f'{project.path} [targets]: counts names "{shown(name)}", which is a target of no plan{nearest(name, ids)}')
    for message in faults.messages():
        wrong.add(message)
    wrong.raise_if_any()
    return plans, targets


def shipped_plans() -> tuple[dict[str, Plan], list[Target]]:
    """Read every plan that came with the package.

    Returns
    -------
    tuple
        As of ``read_plans``.

    Raises
    ------
    PlanError
        A file of the package is damaged.
    """
    wrong, faults, plans = Faults(PlanError), PlanFaults(), _documents()
    targets = _targets(plans.values(), registered(None), faults)
    _check_ids(targets, plans, faults)
    _check_successors(targets, plans, faults)
    for message in faults.messages():
        wrong.add(message)
    wrong.raise_if_any()
    return plans, targets


def themes() -> dict[str, Text]:
    """Return the themes that a target may have, by slug."""
    return {name: Text(**title) for name, title in _declared()["themes"].items()}


def note_of(target: Target) -> Text:
    """Return the note of a target in both languages: ``中文 | English``; one that is written once stands in both."""
    zh, mark, en = (part.strip() for part in target.note.partition(" | "))
    return Text(zh, en) if mark else Text(zh, zh)


def _declared() -> dict[str, dict[str, dict[str, str]]]:
    return catalogue.reference("targets/plans")


def _documents() -> dict[str, Plan]:
    folder = catalogue.shipped() / "data" / "targets"
    return {
        name: Plan(
            name, Text(**said["title"]), said["area"], Text(**said["authority"]), said["standing"], said["issued"],  # type: ignore[arg-type]
            folder / f"{name}.csv", True, Text(**said["note"]),  # type: ignore[arg-type]
        )
        for name, said in _declared()["plans"].items()
    }  # fmt: skip


def _listed(known: Iterable[str]) -> str:
    return f"those are {', '.join(known)}"


def _said(file: PlanFile, shipped: Plan | None, project: Project) -> Plan:
    """Put what ``city.toml`` says before what a shipped plan says of itself."""
    if file.path is not None or shipped is None:
        area = file.area or project.planned.area or project.name
        title, authority = file.title or Text(file.name, file.name), file.authority or Text("", "")
        return Plan(file.name, title, area, authority, file.standing or "in_force", file.issued, file.path or Path(), False, file.note)
    return Plan(
        shipped.name, file.title or shipped.title, file.area or shipped.area, file.authority or shipped.authority,
        file.standing or shipped.standing, file.issued or shipped.issued, shipped.file, True,
        file.note if any(file.note) else shipped.note,
    )  # fmt: skip


def _targets(plans: Iterable[Plan], metrics: Mapping[str, Metric], faults: PlanFaults) -> list[Target]:
    known = themes()
    return [
        make_target(line, cells, plan, registered=metrics, themes=known, faults=faults)
        for plan in plans
        for line, cells in read_rows(plan.file, faults)
    ]


def _check_ids(targets: Iterable[Target], plans: Mapping[str, Plan], faults: PlanFaults) -> None:
    first: dict[str, Target] = {}
    for target in targets:
        if target.id and (other := first.setdefault(target.id, target)) is not target:
            where = f"line {other.row}" if other.plan == target.plan else f"plan {shown(other.plan)}, line {other.row}"
            faults.add(plans[target.plan].file, target.row, f'id "{shown(target.id)}" is there already ({where}); give it another')


def _check_successors(targets: Iterable[Target], plans: Mapping[str, Plan], faults: PlanFaults) -> None:
    """Assert that successors exist, in any plan of the city or in a shipped one that the city does not name: ``check`` tells of the latter."""
    listed = list(targets)
    ids = {target.id for target in listed}
    missing = [target for target in listed if target.successor and target.successor not in ids]
    elsewhere = _shipped_ids() if missing else set()
    for target in listed:
        if target.successor and target.successor == target.id:
            faults.add(plans[target.plan].file, target.row, f"({shown(target.id)}) is its own successor")
    for target in missing:
        if target.successor not in elsewhere:
            near = nearest(target.successor, ids - {target.id})
            faults.add(
                plans[target.plan].file, target.row, f'({shown(target.id)}) successor "{shown(target.successor)}" does not exist{near}'
            )


def _shipped_ids() -> set[str]:
    return {cells["id"] for plan in _documents().values() for _, cells in read_rows(plan.file, PlanFaults())}
