"""Targets of plans: what was promised, whether the city is on course, and what proves it."""
