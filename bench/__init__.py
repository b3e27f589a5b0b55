"""Benchmarks: ratios against a peer or a floor in the same run, on real cities. ``python -m bench [NAME …]``."""
