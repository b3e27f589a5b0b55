"""``python -m tests.fuzz --seconds 600``: fuzz every target for its share of the time; each in a process of its own, since libFuzzer ends it."""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.targets import FOLDER, SEEDS, TARGETS, one_input

HANG_S, MEMORY_MB = 10, 3000
_TOML = ("[", "]", "[[", "]]", "=", '"', "{", "}", "true", "false", "nan", "inf", "zh", "en", "file", "layers", "osm", "from", "classes", "metrics", "sets", "distance_m", "match",
         "fields", "style", "type", "1979-05-27", "\\\\u0000", "1e400", "data_extent", "total", "where", "values", "title", "status", "verified", "x", "y")  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="in total (default: 600)")
    parser.add_argument("--target", choices=TARGETS, action="append", help="default: all")
    parser.add_argument("--corpus", type=Path, help="folder where inputs that reach new code are kept (default: a temporary one)")
    parser.add_argument("--one", choices=TARGETS, help=argparse.SUPPRESS)
    args, rest = parser.parse_known_args()
    if args.one:
        return _fuzz(args.one, rest)
    targets = args.target or list(TARGETS)
    found = []
    with tempfile.TemporaryDirectory(prefix="spatial-fuzz-") as temporary:
        for name in targets:
            folder = (args.corpus or Path(temporary)) / name
            folder.mkdir(parents=True, exist_ok=True)
            for number, seed in enumerate(SEEDS[name]):
                (folder / f"seed{number}").write_bytes(seed)
            words = Path(temporary) / "words"
            words.write_text("".join(f'"{word.replace(chr(34), chr(92) + chr(34))}"\n' for word in _TOML))
            seconds = max(args.seconds // len(targets), 1)
            command = [sys.executable, "-m", "tests.fuzz", "--one", name, f"-max_total_time={seconds}", f"-timeout={HANG_S}", f"-rss_limit_mb={MEMORY_MB}",
                       "-max_len=4000", f"-dict={words}", f"-artifact_prefix={Path.cwd()}/fuzz-{name}-", "-print_final_stats=1", str(folder)]  # fmt: skip
            done = subprocess.run(
                command, env={**os.environ, "TMPDIR": temporary}, capture_output=True, text=True, errors="replace", check=False
            )
            said = done.stderr.splitlines()
            runs = next((line.split()[1] for line in said if line.startswith("Done ")), "?")
            kept = sum(1 for _ in folder.iterdir())
            print(
                f"{name}: {runs} inputs in {seconds} s, {kept} kept that reach new code; {'a finding' if done.returncode else 'no finding'}",
                flush=True,
            )
            if done.returncode:
                found.append(name)
                print("\n".join([*done.stdout.splitlines()[-12:], *said[-25:]]), flush=True)
    return 1 if found else 0


def _fuzz(name: str, options: list[str]) -> int:
    try:
        import atheris
    except ImportError:
        print("atheris is not installed; make fuzz installs it", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["spatial", "tomllib"]):
        import spatial.catalogue
        import spatial.city_toml
        import spatial.layers
        import spatial.metrics.facility_classes
        import spatial.sources.files
        import spatial.units

    read = spatial.catalogue.read_toml
    kept = functools.cache(read)  # the shipped declarations do not change from input to input
    spatial.catalogue.read_toml = lambda path: kept(path) if FOLDER not in path.parents else read(path)
    atheris.Setup([sys.argv[0], *options], lambda data: one_input(name, data))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
