"""Every metric: a pure function of a City and its declaration, registered once."""

from __future__ import annotations

from spatial.metrics.registry import Metric, find, metric, registered

__all__ = ["Metric", "find", "metric", "registered"]
