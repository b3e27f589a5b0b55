"""Steps of long work: a callback draws them, and their CPU seconds and peak memory are kept."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

Draw = Callable[[str], None]


@dataclass
class Progress:
    """What a long work reports to, and what it cost.

    Attributes
    ----------
    draw
        Called with the name of each step as it begins; ``None`` draws nothing.
    steps
        One record a finished step: name, CPU seconds of the process, wall seconds, peak memory in MB so far.
    """

    draw: Draw | None = None
    steps: list[dict[str, object]] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Report a step and record what it cost, also when it fails."""
        if self.draw:
            self.draw(name)
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            yield
        finally:
            self.steps.append(
                {
                    "step": name,
                    "cpu_s": round(time.process_time() - cpu, 2),
                    "wall_s": round(time.perf_counter() - wall, 2),
                    "peak_mb": peak_memory_mb(),
                }
            )


def peak_memory_mb() -> int | None:
    """Peak resident memory of this process in MB; ``None`` where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1024))
