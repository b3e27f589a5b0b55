"""The floors of the house: a file imports only from lower floors, inside one package freely, without a circle."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "spatial"
FLOORS = [
    {"errors", "text", "units", "unit_words", "progress"},
    {"crs", "datum", "files", "placement"},
    {"catalogue", "overlaps", "shift", "twins"},
    {"layers", "overlay", "areas", "raster", "ledger", "statistics", "sheet"},
    {"result", "city", "sources"},
    {"osm_request", "base_map", "plan_toml", "city_toml", "cache", "alignment", "planned", "project", "fetch", "network", "roads"},
    {"metrics"},
    {"measurement", "scenario"},
    {"targets", "compare", "siting"},
    {"outputs"},
    {"check", "batch", "console"},
    {"targets_cli", "maps_cli", "compare_cli", "siting_cli"},
    {"cli", "__init__", "__main__"},
]
# Rooms of one floor that build on one another, in this order.
STAIRS = [
    ("units", "text"),
    ("units", "errors"),
    ("datum", "errors"),
    ("placement", "crs"),
    ("areas", "overlay"),
    ("city", "result"),
    ("__main__", "cli"),
    ("city_toml", "osm_request"),
    ("city_toml", "plan_toml"),
    ("base_map", "osm_request"),
    ("city_toml", "base_map"),
    ("ledger", "areas"),
    ("ledger", "overlay"),
    ("statistics", "ledger"),
    ("cache", "city_toml"),
    ("alignment", "city_toml"),
    ("planned", "city_toml"),
    ("project", "planned"),
    ("project", "alignment"),
    ("project", "cache"),
    ("project", "city_toml"),
    ("project", "osm_request"),
    ("fetch", "city_toml"),
    ("fetch", "osm_request"),
    ("roads", "network"),
]
NEVER = [("metrics", "outputs"), ("metrics", "sources"), ("metrics", "project"), ("metrics", "cache"), ("sources", "city")]


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def floor_of(room: str) -> int:
    for number, rooms in enumerate(FLOORS, start=1):
        if room in rooms:
            return number
    raise AssertionError(f"{room} stands on no floor of the house")


def imports_of(path: Path) -> set[str]:
    """Modules of this package that a file imports at run time, wherever in the file; type checking is left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "spatial":
            if node.module == "spatial":
                found |= {alias.name for alias in node.names}
            else:
                found.add(node.module.removeprefix("spatial."))
        elif isinstance(node, ast.Import):
            found |= {alias.name.removeprefix("spatial.") for alias in node.names if alias.name.startswith("spatial.")}
    return {name for name in found if name != "__version__"}


FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_catalogue" not in path.parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    room = room_of(path)
    for name in imports_of(path):
        other = name.split(".")[0]
        if other == room:
            continue
        assert other != "cli" or room == "__main__", f"{path.name} imports the command line"
        assert (room, other) not in NEVER, f"{room} must not know {other}"
        below = floor_of(other) < floor_of(room)
        assert below or (room, other) in STAIRS, f"{path.name} (floor {floor_of(room)}) imports {name} (floor {floor_of(other)})"


NETWORK = {"osmnx", "requests", "urllib3", "socket", "ssl", "http", "ftplib", "smtplib", "httpx", "aiohttp", "webbrowser", "urllib.request"}


def imported(path: Path) -> set[str]:
    """Every module that a file imports anywhere, whole and by its parents: ``urllib``, ``urllib.request``."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 2)}


def test_one_room_alone_touches_the_network():
    """And it does so when it is asked, not when it is imported."""
    assert {str(path.relative_to(PACKAGE)) for path in FILES if imported(path) & NETWORK} == {"sources/overpass.py"}
    top = ast.parse((PACKAGE / "sources" / "overpass.py").read_text(encoding="utf-8")).body
    heads = {name for node in top if isinstance(node, ast.Import | ast.ImportFrom) for name in ast.unparse(node).replace(",", " ").split()}
    assert not heads & NETWORK
    for path in FILES:
        words = path.read_text(encoding="utf-8")
        assert "__import__" not in words
        assert "import_module" not in words or path.name in ("__init__.py", "registry.py"), f"{path} imports what this test cannot see"


def test_only_the_command_fetches():
    assert {str(path.relative_to(PACKAGE)) for path in FILES if "sources.overpass" in imports_of(path)} == {"fetch.py", "cli.py"}
    assert {str(path.relative_to(PACKAGE)) for path in FILES if "fetch" in imports_of(path)} == {"cli.py"}


def test_no_circle_at_import_time():
    """Top-level imports form no circle, inside packages too."""
    graph = {}
    for path in FILES:
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("spatial.")]
        graph[name] = {node.module.removeprefix("spatial.") for node in top}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circle: {' → '.join((*trail, name))}"
        if name in done:
            return
        for other in sorted(graph.get(name, ())):
            visit(other, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


def test_the_test_sees_a_wrong_import(tmp_path):
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f():\n    from spatial.outputs import webmap as maps\n")
    assert imports_of(wrong) == {"outputs"}
    wrong.write_text("def f():\n    from urllib import request\n    import http.client as c\n")
    assert imported(wrong) & NETWORK == {"urllib.request", "http"}


def test_no_room_without_a_subject():
    assert not {"utils", "helpers", "common", "manager"} & {path.stem for path in FILES}
