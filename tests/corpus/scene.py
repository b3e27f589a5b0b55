"""What a damage is: a function that spoils one input of a project, and says which outcomes are right."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import shapely

from tests.corpus import city

OUTCOMES = ("error", "same", "told", "truth", "read")
"""``same``: the table of the undamaged run; ``told``: a notice that the undamaged run does not give, in the words expected; ``truth``: the
table of a project that the damage prepared; ``read``: the table of what a strict reader of our own finds in the damaged file."""


@dataclass
class Expected:
    """The outcomes that a damage allows; every other one is a finding."""

    outcomes: tuple[str, ...]
    words: str = ""
    but: tuple[str, ...] = ()
    full: bool = False
    rel: float = 2e-9
    note: str = ""


@dataclass
class Scene:
    """A copy of the undamaged project, to be spoiled."""

    folder: Path
    template: Path
    truth: Path
    subject: city.Subject
    notes: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.folder / self.subject.file

    @property
    def city_toml(self) -> Path:
        return self.folder / "city.toml"

    def frame(self) -> gpd.GeoDataFrame:
        return city.frames()[self.subject.role]

    def rewrite(self, frame: gpd.GeoDataFrame) -> None:
        city.write(self.path, self.subject.role, frame)

    def option(self, line: str) -> None:
        """Add a line to the table of the subject in ``city.toml``."""
        text = self.city_toml.read_text(encoding="utf-8")
        stated = f'file = "{self.subject.file}"\n'
        assert stated in text
        self.city_toml.write_text(text.replace(stated, f"{stated}{line}\n"), encoding="utf-8")

    def policy(self, rng: random.Random) -> str:
        """Choose what is done with geometries that cannot be used."""
        chosen = rng.choice(["error", "repair", "drop"])
        self.notes.append(f"on_invalid {chosen}")
        if chosen != "error":
            self.option(f'on_invalid = "{chosen}"')
        return chosen

    def true_project(self) -> Path:
        """Start the project that says what must come out: a copy of the damaged one's city.toml over undamaged data."""
        shutil.copytree(self.template, self.truth, dirs_exist_ok=True)
        return self.truth

    def true_frame(self, frame: gpd.GeoDataFrame) -> None:
        """Say what must come out: the undamaged project with this frame for the subject, in GeoParquet."""
        points = self.subject.kind == "csv" and (frame.geom_type != "Point").any()
        at = gpd.GeoSeries(shapely.centroid(frame.geometry.to_numpy()), index=frame.index, crs=frame.crs) if points else frame.geometry
        replace_layer(self.true_project(), self.subject, frame.set_geometry(at))


def replace_layer(project: Path, subject: city.Subject, frame: gpd.GeoDataFrame) -> None:
    """Let a project read ``frame``, as GeoParquet, in place of the subject's file."""
    path = project / "city.toml"
    text = path.read_text(encoding="utf-8")
    stated = f'file = "{subject.file}"\n'
    assert stated in text
    frame.to_parquet(project / "data" / f"{subject.role}_read.parquet")
    path.write_text(text.replace(stated, f'file = "data/{subject.role}_read.parquet"\n'), encoding="utf-8")


Function = Callable[[Scene, random.Random], Expected]


@dataclass(frozen=True)
class Damage:
    """One way to spoil an input, and the inputs that it fits."""

    name: str
    group: str
    fits: Callable[[city.Subject], bool]
    spoil: Function


DAMAGES: dict[str, Damage] = {}


def damage(group: str, fits: Callable[[city.Subject], bool]) -> Callable[[Function], Function]:
    """Register a damage under the name of its function."""

    def register(function: Function) -> Function:
        name = function.__name__
        assert name not in DAMAGES, name
        DAMAGES[name] = Damage(name, group, fits, function)
        return function

    return register
