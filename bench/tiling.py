"""Larger inputs are made, not stored: n × n synthetic copies of an extract, with shifted ids and coordinates."""

from __future__ import annotations

from pathlib import Path

STRIDE = 20_000_000_000


def tile(source: Path, target: Path, n: int) -> None:
    """Write n × n copies side by side; ids of a copy are shifted by a stride, so that nothing is shared."""
    import osmium
    from osmium.osm.mutable import Node, Relation, Way

    box = osmium.io.Reader(str(source)).header().box()
    width, height = box.top_right.lon - box.bottom_left.lon, box.top_right.lat - box.bottom_left.lat
    header = osmium.io.Header()
    header.add_box(
        osmium.osm.Box(
            box.bottom_left.lon, box.bottom_left.lat, box.bottom_left.lon + n * width, min(89.0, box.bottom_left.lat + n * height)
        )
    )
    writer = osmium.SimpleWriter(str(target), header=header)
    shifts = [(k * STRIDE, (k % n) * width, (k // n) * height) for k in range(n * n)]
    for kind in ("n", "w", "r"):
        for shift, east, north in shifts:
            for item in osmium.FileProcessor(str(source)):
                if kind == "n" and item.is_node():
                    place = (item.location.lon + east, item.location.lat + north)
                    writer.add_node(Node(item, id=item.id + shift, location=place))
                elif kind == "w" and item.is_way():
                    writer.add_way(Way(item, id=item.id + shift, nodes=[node.ref + shift for node in item.nodes]))
                elif kind == "r" and item.is_relation():
                    members = [(member.type, member.ref + shift, member.role) for member in item.members]
                    writer.add_relation(Relation(item, id=item.id + shift, members=members))
    writer.close()
