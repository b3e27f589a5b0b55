"""The package: conda twin, lazy import, sdist → wheel → clean environment."""

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"osmium": "pyosmium", "exactextract": "exactextract-python"}


def requirement(text):
    name, rest = re.fullmatch(r"([A-Za-z0-9_.-]+)\s*(.*)", text.split("#")[0].strip()).groups()
    return name.lower(), rest.strip()


def test_environment_is_the_twin_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = dict(requirement(text) for text in project["dependencies"])
    wanted = {CONDA_NAMES.get(name, name): rest for name, rest in wanted.items()} | {"python": project["requires-python"]}
    lines = [
        line.strip()[2:] for line in (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines() if line.strip().startswith("- ")
    ]
    given = dict(requirement(line) for line in lines if line not in ("conda-forge", "pip", "pip:"))
    assert given == wanted


def test_import_is_light():
    code = "import sys, spatial; print([m for m in ('numpy', 'pandas', 'geopandas', 'shapely', 'folium', 'osmium', 'osmnx', 'requests') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_is_light():
    code = (
        "import sys\nfrom spatial.cli import main\n"
        "try:\n    main(['run', '--help'])\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('numpy', 'pandas', 'geopandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_lazy_face_holds_what_it_names():
    import spatial

    for name in spatial.__all__:
        assert getattr(spatial, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = spatial.nothing


def test_sdist_to_wheel_to_a_clean_environment(tmp_path):
    """Built from the sdist, installed elsewhere, the demo runs: shipped declarations travel in the wheel."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", tmp_path / "dist", ROOT], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    # The libraries of this environment serve the clean one; only the package itself is installed anew.
    home = tmp_path / "env"
    venv.create(home)
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run(install, check=True, capture_output=True)
    (site,) = home.glob("lib/python*/site-packages")
    libraries = {path for path in map(Path, sys.path) if path.name == "site-packages"}
    (site / "libraries.pth").write_text("\n".join(map(str, libraries)))
    alone = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    probe = [python, "-c", "import spatial; print(spatial.__file__)"]
    where = subprocess.run(probe, check=True, capture_output=True, text=True, cwd=tmp_path, env=alone).stdout
    assert str(home) in where
    done = subprocess.run([python, "-m", "spatial", "demo", tmp_path / "demo"], capture_output=True, text=True, cwd=tmp_path, env=alone)
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "demo" / "out").glob("*/run.json")
    assert json.loads(run.read_text(encoding="utf-8"))["synthetic"]


def test_the_function_measure_is_no_module():
    """A room named like the function would hide it once it is imported."""
    import importlib

    import spatial

    importlib.import_module("spatial.measurement")
    assert callable(spatial.measure)


def test_no_page_holds_what_a_merge_left():
    for page in (ROOT / "docs").glob("*.md"):
        assert not [line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith(("<<<<<<<", ">>>>>>>"))], page
