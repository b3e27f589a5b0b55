"""``python -m tests.corpus --seed 1 --count 500 --jobs 2``: the campaign, its table, and how to repeat what it finds."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "GDAL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")

from tests.corpus.campaign import Verdict, campaign, draw, workshop  # noqa: E402
from tests.corpus.scene import DAMAGES  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", type=int, action="append", metavar="NUMBER", help="run these cases alone and keep their folders")
    parser.add_argument("--damage", action="append", metavar="NAME", choices=DAMAGES, help="only cases of these damages")
    parser.add_argument("--folder", type=Path, help="where cases are kept (default: a temporary folder, removed where nothing is found)")
    args = parser.parse_args()
    cases = [
        case
        for case in draw(args.seed, max([args.count, *(number + 1 for number in args.only or ())]))
        if (not args.only or case.number in args.only) and (not args.damage or case.damage in args.damage)
    ]
    folder = args.folder or workshop()
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    verdicts = []
    for verdict in campaign(cases, jobs=min(args.jobs, len(cases)), folder=folder, keep=bool(args.only)):
        verdicts.append(verdict)
        if verdict.faults or args.only:
            print(told(verdict, args.seed), flush=True)
    summary(verdicts)
    found = [verdict for verdict in verdicts if verdict.faults]
    slowest = max(verdicts, key=lambda verdict: verdict.wall_s)
    largest = max(verdicts, key=lambda verdict: verdict.memory_mb)
    print(
        f"seed {args.seed}: {len(verdicts)} cases in {time.monotonic() - start:.0f} s, {len(found)} findings;"
        f" slowest {slowest.wall_s:.1f} s (case {slowest.number}), most memory {largest.memory_mb:.0f} MB (case {largest.number})"
    )
    if found or args.only or args.folder:
        print(f"kept in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if found else 0


def told(verdict: Verdict, seed: int) -> str:
    """A verdict for people, and the command that repeats it."""
    said = "\n".join(
        f"    | {ascii(line)[1:-1][:300] if not line.isprintable() else line[:300]}" for line in verdict.said.splitlines()[-4:]
    )
    return (
        f"{'FINDING' if verdict.faults else 'case'} {verdict.number} {verdict.subject} {verdict.damage} ({ascii(verdict.notes)[1:-1]}): {verdict.outcome}"
        + "".join(f"\n    {fault[:400]}" for fault in verdict.faults)
        + f"\n{said}\n    python -m tests.corpus --seed {seed} --only {verdict.number}"
    )


def summary(verdicts: list[Verdict]) -> None:
    """By damage: how many cases came to what."""
    outcomes = sorted({verdict.outcome for verdict in verdicts})
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for verdict in verdicts:
        counted[verdict.damage][verdict.outcome] += 1
        counted[verdict.damage]["findings"] += bool(verdict.faults)
    print(f"{'group':<13}{'damage':<42}" + "".join(f"{name:>10}" for name in (*outcomes, "findings")))
    for name in sorted(counted, key=lambda name: (DAMAGES[name].group, name)):
        row = "".join(f"{counted[name][outcome] or '·':>10}" for outcome in (*outcomes, "findings"))
        print(f"{DAMAGES[name].group:<13}{name.replace('_', ' ').strip():<42}{row}")


if __name__ == "__main__":
    sys.exit(main())
