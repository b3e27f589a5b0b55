"""A campaign of bad inputs: a small city in every kind of file, damaged in every way we could think of, each case told from (seed, number).

``python -m tests.corpus --seed 1 --count 500 --jobs 2`` runs it; ``--only 137`` runs one case and keeps its folder.
"""
