"""What road surfaces are: hard, not hard, or unknown."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd

from spatial.catalogue import reference
from spatial.ledger.values import plain_of
from spatial.overlay import Ints

SOFT, UNKNOWN, HARD = 0, 1, 2


def surface_of(roads: gpd.GeoDataFrame) -> Ints:
    """Say of every road what its surface is, by what is written alone.

    Parameters
    ----------
    roads
        Layer ``roads``; of several values (``asphalt;gravel``) the worst counts.

    Returns
    -------
    numpy.ndarray
        ``SOFT``, ``UNKNOWN`` or ``HARD``, by row, after ``data/road_surfaces.toml``.
    """
    known = reference("road_surfaces")
    state = {**{plain_of(word): HARD for word in known["hard"]}, **{plain_of(word): SOFT for word in known["soft"]}}
    code, words = pd.factorize(roads["surface"].fillna("").to_numpy(dtype=object))
    by_word = [min((state.get(plain_of(part), UNKNOWN) for part in str(word).split(";")), default=UNKNOWN) for word in words]
    return np.array(by_word or [UNKNOWN], dtype=np.int64)[code]
