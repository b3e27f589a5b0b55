"""Draw cases by seed, run each apart, judge it."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.corpus import archives, bytes_, columns, declarations, extracts, judge, limits, rasters, shapes  # noqa: F401
from tests.corpus import city as city_
from tests.corpus.limits import Ended, apart
from tests.corpus.reading import Malformed, read_project
from tests.corpus.scene import DAMAGES, Expected, Scene

REAL_OUTPUTS = 0.1  # share of the cases whose map, GeoPackage and workbook are written in full, beside those that ask for it


@dataclass(frozen=True)
class Case:
    """One damaged project; all of it follows from the seed and the number."""

    seed: int
    number: int
    subject: city_.Subject
    damage: str

    @property
    def rng(self) -> random.Random:
        return random.Random(f"{self.seed} {self.number} {self.subject.name} {self.damage}")


@dataclass(frozen=True)
class Verdict:
    """What became of a case; ``faults`` is empty where it is as it should be."""

    number: int
    subject: str
    damage: str
    notes: str
    outcome: str
    faults: list[str]
    said: str
    wall_s: float
    memory_mb: float


def draw(seed: int, count: int) -> list[Case]:
    """Choose damages in turn, so that every one comes up, those of bytes three times as often, and for each a subject that it fits."""
    rng = random.Random(seed)
    names: list[str] = []
    cases = []
    for number in range(count):
        if not names:
            names = [name for name, damage in sorted(DAMAGES.items()) for _ in range(3 if damage.group == "bytes" else 1)]
            rng.shuffle(names)
        name = names.pop()
        subjects = [subject for subject in city_.SUBJECTS if DAMAGES[name].fits(subject)]
        cases.append(Case(seed, number, rng.choice(subjects), name))
    return cases


class Workshop:
    """Templates, their undamaged tables, and the cases, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def template(self, subject: city_.Subject) -> Path:
        return self.folder / "templates" / subject.name

    def prepare(self, subject: city_.Subject) -> None:
        """Build the undamaged project of a subject and its table."""
        place = self.template(subject)
        (place / "tmp").mkdir(parents=True)
        ended = self._apart(place, "build", lambda: _done(city_.build(place / "project", subject)))
        assert ended.code == 0, (place / "build.err").read_text()
        shutil.copytree(place / "project", place / "run")
        ended = self.run(place, place / "run", subject, full=False)
        said = (place / "run.err").read_text()
        assert ended.code == 0, f"{subject.name}: the undamaged city must be measured\n{said}"

    def _apart(self, place: Path, name: str, work: Callable[[], int]) -> Ended:
        return apart(work, said=place / name, folder=place, temporary=place / "tmp")

    def run(self, place: Path, project: Path, subject: city_.Subject, *, full: bool) -> Ended:
        """Give a project to the command line, in a process of its own."""

        def work() -> int:
            import spatial.outputs.folder
            from spatial.cli import main

            if not full and subject.kind != "maps":  # most of a small run's time, and not what most damages can reach
                for name in ("write_map", "write_geopackage"):
                    setattr(spatial.outputs.folder, name, lambda results, path, standing=None: path.write_text("light") and path)
            metrics = city_.METRICS + (",toilet_coverage" if subject.kind == "facilities" else "")
            return main(["run", str(project), "--quiet", "--lang", "en", "--metrics", metrics])

        return self._apart(place, project.name, work)

    def judged(self, case: Case) -> Verdict:
        """Damage a copy, run it, judge it; the folder stays for whoever asks for one case."""
        subject, spoil = case.subject, DAMAGES[case.damage].spoil
        place = self.folder / "cases" / f"{case.seed}-{case.number}"
        shutil.rmtree(place, ignore_errors=True)
        above = place / "above"
        for folder in (place / "tmp", above / "deep"):
            folder.mkdir(parents=True)
        for path in (above / "sentinel.txt", above / "deep" / "sentinel.txt", place / "sentinel.txt"):
            path.write_text(judge.SECRET)
        template = self.template(subject) / "project"
        project = above / "project"
        shutil.copytree(template, project)
        scene = Scene(project, template, place / "truth", subject)

        def damage() -> int:
            rng = case.rng
            full = rng.random() < REAL_OUTPUTS
            expected = spoil(scene, rng)
            expected.full, expected.note = expected.full or full, "; ".join(scene.notes)
            (place / "expected.json").write_text(json.dumps(asdict(expected)))
            return 0

        made = self._apart(place, "damage", damage)
        if made.code:
            return self._verdict(
                case, "generator", [f"the generator failed ({made.code})"], (place / "damage.err").read_text(errors="replace"), made, ""
            )
        expected = Expected(**json.loads((place / "expected.json").read_text()))
        shutil.rmtree(place / "tmp")
        (place / "tmp").mkdir()
        before = judge.snapshot(above)
        ended = self.run(place, project, subject, full=expected.full)
        said = (place / "project.err").read_text(encoding="utf-8", errors="replace")
        changed = judge.changes(before, judge.snapshot(above))
        left = sorted(path.name for path in (place / "tmp").iterdir())
        faults = judge.bounded(ended)
        names = (subject.role, subject.file.name, "city.toml", subject.file.stem)
        names += ("population: ", "districts: ") if subject.role in ("toml", "osm") else ()  # whose files city.toml names
        if faults:
            outcome = "unbounded"
        elif ended.code:
            outcome = "error"
            faults = judge.of_failure(said, ended, names, changed, left)
            if "error" not in expected.outcomes:
                faults.append("an error, where the input can be used")
        else:
            faults = judge.of_success(project, said, changed, left, expected.full)
            outcome, more = self._outcome(case, expected, place, project, said, names)
            faults += more
        return self._verdict(case, outcome, faults, said, ended, expected.note)

    def _outcome(
        self, case: Case, expected: Expected, place: Path, project: Path, said: str, names: tuple[str, ...]
    ) -> tuple[str, list[str]]:
        """Name what a run that ended with 0 came to, the strictest that holds."""
        table = judge.table_of(project)
        usual = judge.table_of(self.template(case.subject) / "run")
        if table is None or usual is None:
            return "no table", ["no table"]
        usually_said = (self.template(case.subject) / "run.err").read_text()
        if "told" in expected.outcomes and judge.told(said, usually_said, expected, names, table, usual):
            return "told", []
        other = judge.difference(table, usual, expected.but, expected.rel)
        if not other and "same" in expected.outcomes:
            return "same", []
        why = [f"same as undamaged: {other or 'yes'}"]
        if "truth" in expected.outcomes:
            ended = self.run(place, place / "truth", case.subject, full=False)
            truth = judge.table_of(place / "truth")
            apart_ = judge.difference(table, truth, expected.but, expected.rel) if truth else f"the true project ends with {ended.code}"
            if not apart_:
                return "truth", []
            why.append(f"as expected: {apart_}")
        if "read" in expected.outcomes:
            apart_ = self._read(case, place, project, table, expected)
            if not apart_:
                return "read", []
            why.append(f"as read: {apart_}")
        if "partial" in expected.outcomes and {row["status"] for row in table} <= {"partial", "no_data"}:
            return "partial", []
        if "declared" in expected.outcomes:
            return "declared", []
        return "silent", ["exit code 0, and neither told nor right", *why]

    def _read(self, case: Case, place: Path, project: Path, table: list[dict[str, str]], expected: Expected) -> str:
        again = place / "read"
        malformed = place / "malformed"

        def read() -> int:
            try:
                read_project(project, self.template(case.subject) / "project", again, case.subject)
            except Malformed as error:
                malformed.write_text(str(error))
                return 1
            return 0

        if self._apart(place, "reading", read).code:
            return f"the file is malformed ({malformed.read_text() if malformed.exists() else 'and stops the reader'})"
        ended = self.run(place, again, case.subject, full=False)
        found = judge.table_of(again)
        return judge.difference(table, found, expected.but, expected.rel) if found else f"what it says cannot be measured ({ended.code})"

    def _verdict(self, case: Case, outcome: str, faults: list[str], said: str, ended: Ended, notes: str) -> Verdict:
        return Verdict(case.number, case.subject.name, case.damage, notes, outcome, faults, said[-1500:], ended.wall_s, ended.memory_mb)


def _done(_: object) -> int:
    return 0


def campaign(cases: list[Case], *, jobs: int, folder: Path, keep: bool = False) -> Iterator[Verdict]:
    """Judge cases in ``jobs`` processes that are forked from this one; the order is that in which they end."""
    limits.imported()
    shop = Workshop(folder)
    subjects = list(dict.fromkeys(case.subject for case in cases))
    for _ in shared(subjects, lambda subject: shop.prepare(subject), jobs, folder / "prepared"):
        pass
    for found in shared(cases, lambda case: asdict(shop.judged(case)), jobs, folder / "verdicts"):
        verdict = Verdict(**found)
        if not keep and not verdict.faults:
            shutil.rmtree(folder / "cases" / f"{cases[0].seed}-{verdict.number}", ignore_errors=True)
        yield verdict


def shared(items: list[Any], work: Callable[[Any], Any], jobs: int, folder: Path) -> Iterator[Any]:
    """Do work for each item in forked processes, and yield what it returns as it comes.

    Raises
    ------
    RuntimeError
        One of the processes failed, so that results are missing.
    """
    folder.mkdir(parents=True)
    reading, writing = os.pipe()
    children = []
    sys.stdout.flush()
    for job in range(jobs):
        if child := os.fork():
            children.append(child)
            continue
        code = 1
        try:
            os.close(reading)
            for index in range(job, len(items), jobs):
                (folder / f"{index}.json").write_text(json.dumps(work(items[index])))
                os.write(writing, index.to_bytes(4, "big"))
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        while index := stream.read(4):
            yield json.loads((folder / f"{int.from_bytes(index, 'big')}.json").read_text())
    codes = [os.waitpid(child, 0)[1] for child in children]
    if any(codes):
        raise RuntimeError(f"a process of the campaign failed: {codes}")


def workshop() -> Path:
    """A new folder for a campaign."""
    return Path(tempfile.mkdtemp(prefix="spatial-corpus-"))
