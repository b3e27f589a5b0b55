"""The streets that may be driven, as one graph for all that asks where they lead."""

from __future__ import annotations

from spatial.city import City
from spatial.network.contract import Graph
from spatial.network.streets import street_graph


def driven_streets(city: City) -> Graph:
    """Build the graph of all ways that may be driven, public or not, once a city.

    Parameters
    ----------
    city
        With ``roads``; ``gates`` close some.

    Returns
    -------
    Graph
        Directed; metres.

    Raises
    ------
    LayerError
        The city has no roads.
    """
    return city.memo("driven_streets", lambda: street_graph(city.frame("roads"), city.layer("gates").frame, mode="drive"))
