"""One step of a case in a process of its own, forked from one that has imported everything: bounded in time, memory and what it may write."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SECONDS, WALL_SECONDS = 20, 120.0
"""A case may take so much time of a processor; so much on the clock, since the machine may have other work."""
ADDRESS_SPACE, FILE_SIZE = 6 << 30, 1 << 30
MOST_MEMORY_MB = 3000


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code (negative: the signal that killed it), CPU and wall seconds and the most memory it held."""

    code: int
    wall_s: float
    cpu_s: float
    memory_mb: float
    late: bool


def imported() -> None:
    """Import what a run needs, once, in the parent of all; nothing is run in it, so that it has no threads."""
    import folium  # noqa: F401
    import osmium  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pyogrio  # noqa: F401
    import rasterio  # noqa: F401
    import scipy.sparse.csgraph  # noqa: F401
    import xlsxwriter  # noqa: F401

    import spatial.cache
    import spatial.measurement
    import spatial.outputs.folder
    import spatial.project  # noqa: F401
    from spatial.metrics import registered

    registered(None)


def apart(work: Callable[[], int], *, said: Path, folder: Path, temporary: Path, seconds: float = WALL_SECONDS) -> Ended:
    """Run ``work`` in a fork and wait for it; what it says goes to ``said`` with the endings ``.out`` and ``.err``."""
    sys.stdout.flush()
    sys.stderr.flush()
    start = time.monotonic()
    child = os.fork()
    if not child:
        code = 99
        try:
            for ending, number in ((".out", 1), (".err", 2)):
                handle = os.open(f"{said}{ending}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
                os.dup2(handle, number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
            resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
            resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
            os.chdir(folder)
            os.environ["TMPDIR"] = str(temporary)
            import tempfile

            tempfile.tempdir = str(temporary)
            code = work()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    late = False
    while True:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() - start > seconds and not late:
            late = True
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)
    code = os.waitstatus_to_exitcode(status)
    late = late or code in (-signal.SIGXCPU, -signal.SIGKILL)
    return Ended(code, time.monotonic() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, late)
