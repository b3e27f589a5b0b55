"""The folder of a run as others read it: what ``run.json`` says and its table, never computed again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from spatial.errors import OptionError, SourceError, shown
from spatial.result import COLUMNS, SCHEMA_VERSION

TABLE, LATEST, PROJECT = "metrics.parquet", "latest.json", "city.toml"
_NUMBERS = ("value", "numerator", "denominator", "coverage", "low", "high", "quality")
_DEGREES = 1e-5  # run.json rounds the data extent to six places


@dataclass(frozen=True, eq=False)
class Run:
    """A run as its folder holds it.

    Attributes
    ----------
    folder
        Where it lies.
    said
        Its ``run.json``.
    table
        Its long table.
    """

    folder: Path
    said: Mapping[str, Any]
    table: pd.DataFrame

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return self.folder.name

    @property
    def date(self) -> str:
        """Return the date of its data; empty where none is known."""
        date = self.said.get("date")
        return date if isinstance(date, str) else ""

    @property
    def city(self) -> str:
        """Return the name of the city."""
        return str(self.said.get("city") or "")

    @property
    def by(self) -> str:
        """Return by which areas it was measured."""
        options = self.said.get("options")
        return str(options.get("by") or "") if isinstance(options, dict) else ""

    def files(self) -> list[str]:
        """Return the names of the files that it was made of, as ``run.json`` lists them."""
        inputs = self.said.get("inputs")
        return sorted({Path(str(entry.get("file") or "")).name for entry in (inputs if isinstance(inputs, list) else [])} - {""})

    def areas(self) -> gpd.GeoDataFrame | None:
        """Return the polygons of its areas, as its GeoPackage has them; ``None`` without one.

        Raises
        ------
        SourceError
            The file cannot be read.
        """
        import pyogrio
        from pyogrio.errors import DataLayerError, DataSourceError

        path = self.folder / "city.gpkg"
        if not path.is_file():
            return None
        try:
            frame = pyogrio.read_dataframe(path, layer="areas", columns=["area_id"])
        except (DataSourceError, DataLayerError, ValueError) as error:
            raise SourceError(f"{path}: cannot be read ({shown(error, 120)}); measure the run again") from error
        if "area_id" not in frame or getattr(frame, "crs", None) is None or not frame.geom_type.isin(("Polygon", "MultiPolygon")).all():
            raise SourceError(f"{path}: its layer areas holds no areas as a run writes them; measure the run again")
        return frame.astype({"area_id": str})

    def project(self) -> Path | None:
        """Return the ``city.toml`` beside whose ``out`` folder the run lies; ``None`` where there is none."""
        path = self.folder.parent.parent / PROJECT
        return path if self.folder.parent.name == "out" and path.is_file() else None


def read_run(path: str | Path) -> Run:
    """Read a run.

    Parameters
    ----------
    path
        The folder of a run, a ``latest.json``, or a project (``city.toml`` or its folder), of which the latest run is taken.

    Returns
    -------
    Run
        As its folder holds it.

    Raises
    ------
    SourceError
        There is no run, or a file of it cannot be read.
    OptionError
        The run has another version of the table.
    """
    folder = _folder_of(Path(path))
    said = run_json(folder)
    check_version(folder, said)
    return Run(folder.resolve(), said, run_table(folder / TABLE, COLUMNS))


def _folder_of(path: Path) -> Path:
    if path.is_dir() and (path / "run.json").is_file():
        return path
    latest = next((each for each in _pointers(path) if each.is_file()), None)
    if latest is None:
        project = path if path.name == PROJECT else path / PROJECT
        if project.is_file():
            raise SourceError(
                f'{project}: has no run yet ({project.parent / "out" / LATEST} is missing); measure it with "spatial run" first'
            )
        raise SourceError(f'{path}: is no run; name a folder of "spatial run", its latest.json, or a city.toml that was measured')
    try:
        name = json.loads(latest.read_text(encoding="utf-8"))["run"]
    except OSError as error:
        raise SourceError(f"{latest}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{latest}: does not name a run; measure the city again") from error
    if not isinstance(name, str) or Path(name).name != name or name in ("", ".", ".."):  # it never leads out of its folder
        raise SourceError(f"{latest}: does not name a run beside it; measure the city again")
    return latest.parent / name


def _pointers(path: Path) -> list[Path]:
    if path.name == PROJECT:
        return [path.parent / "out" / LATEST]
    return [path] if path.suffix == ".json" else [path / LATEST, path / "out" / LATEST]


def run_json(folder: Path) -> dict[str, Any]:
    """Return what the ``run.json`` of a folder says.

    Raises
    ------
    SourceError
        It is missing or describes no run.
    """
    path = folder / "run.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f'{path}: cannot be read ({error.strerror}); name a folder of "spatial run"') from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: is no JSON; measure the run again") from error
    if not isinstance(found, dict) or not _is_said(found):
        raise SourceError(f"{path}: does not describe a run; measure it again")
    return found


def _is_said(found: Mapping[str, Any]) -> bool:
    """Whether what a comparison reads of a ``run.json`` is of the kind that ``spatial run`` writes; what is absent is not known."""
    extent, inputs, city = found.get("data_extent"), found.get("inputs"), found.get("city")
    numbers = extent is None or (isinstance(extent, list) and len(extent) == 4 and all(_is_number(each) for each in extent))
    files = inputs is None or (isinstance(inputs, list) and all(isinstance(each, dict) and _texts_alone(each) for each in inputs))
    return numbers and files and (city is None or isinstance(city, str)) and _storable(found)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _texts_alone(entry: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for value in entry.values())


def _storable(found: Mapping[str, Any]) -> bool:
    """Half letters can stand in no file."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_version(folder: Path, said: Mapping[str, Any]) -> None:
    """Refuse a run whose table is of another version.

    Raises
    ------
    OptionError
        It is.
    """
    if said.get("schema_version") != SCHEMA_VERSION:
        raise OptionError(
            f"{folder}: is a run of table version {shown(said.get('schema_version'))}, and {SCHEMA_VERSION} is read here; measure it again"
        )


def run_table(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Return columns of the long table of a run.

    Raises
    ------
    SourceError
        The file is missing, or no such table.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=list(columns)).to_pandas()
        for key in ("metric", "variant"):
            if not table[key].map(lambda value: isinstance(value, str)).all():
                raise ValueError(f"{key} is no text")
        return table.astype({"area_id": str, **{key: float for key in _NUMBERS if key in table}})
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error}); measure the run again") from error
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise SourceError(f"{path}: is no table of a run ({shown(error, 120)}); measure it again") from error


def same_cells(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether an area of one run is the same place as that of its id in the other, as far as ``run.json`` tells.

    Cells are numbered from the corner of what the data cover: the same number is the same place only if that and the CRS are the same.
    """
    by = [each["options"].get("by") if isinstance(each.get("options"), dict) else None for each in (one, other)]
    if not any(str(each).startswith("grid:") for each in by):
        return True
    if by[0] != by[1] or one.get("crs") != other.get("crs"):
        return False
    return same_extent(one, other)


def same_extent(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether the data of two runs cover the same box."""
    here, there = one.get("data_extent"), other.get("data_extent")
    if not isinstance(here, list) or not isinstance(there, list) or len(here) != len(there):
        return here is None and there is None
    return bool(np.allclose(np.asarray(there, dtype=float), np.asarray(here, dtype=float), rtol=0, atol=_DEGREES))
