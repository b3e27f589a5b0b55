"""Write the demo city ``data/demo`` anew: ``python -m tests.make_demo``. The city itself is planned in ``tests/demo_city``."""

from __future__ import annotations

from tests.demo_city import TARGET, write

__all__ = ["TARGET", "write"]

if __name__ == "__main__":
    write(TARGET)
