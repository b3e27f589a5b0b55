"""The undamaged city in every kind of input: made-up squares at 43.90° N, 125.30° E, whose right table is that of an undamaged run."""

from __future__ import annotations

import bz2
import gzip
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely

from tests.small_city import BOX, SOUTH, STEP, WEST, osm_xml, square, write_osm, write_raster

METRICS = (
    "population,road_area_ratio,road_network_density,park_area_per_capita,park_service_coverage,bus_stop_500m_coverage,data_completeness"
)
FILE_TIME = (2024, 4, 9, 0, 0, 0)


def frames() -> dict[str, gpd.GeoDataFrame]:
    """Local layers by role, degrees WGS-84; ids are text."""
    size = 1 / 3
    cells = [square(column * size, row * size, size) for row in range(6) for column in range(6)]
    lines = [shapely.LineString([(WEST, SOUTH + k * STEP / 2), (WEST + 2 * STEP, SOUTH + k * STEP / 2)]) for k in range(5)]
    lines += [shapely.LineString([(WEST + k * STEP / 2, SOUTH), (WEST + k * STEP / 2, SOUTH + 2 * STEP)]) for k in range(5)]
    places = [shapely.Point(WEST + STEP * (0.15 + 0.3 * k), SOUTH + STEP * (0.2 + 0.3 * k)) for k in range(6)]
    greens = [square(0.1 + 0.3 * k, 0.2 + 0.25 * k, 0.1) for k in range(6)]

    def frame(shapes: list[shapely.Geometry], prefix: str, **columns: object) -> gpd.GeoDataFrame:
        codes = [f"{prefix}{n:03d}" for n in range(1, len(shapes) + 1)]
        return gpd.GeoDataFrame({"code": codes, **columns}, geometry=shapes, crs="EPSG:4326")

    return {
        "districts": frame(
            [square(column, row) for row in (0, 1) for column in (0, 1)], "D", name=["南关区", "朝阳区", "宽城区", "绿园区"]
        ),
        "population": frame(cells, "P", pop=[10.0 * n for n in range(1, 37)]),
        "roads": frame(
            lines, "R", name=[f"路{n}" for n in range(10)], highway=["primary", "residential"] * 5, width=["30", "12.5"] * 5,
            lanes=["4", "2"] * 5,
        ),
        "parks": frame(greens, "G", name=[f"公园{n}" for n in range(6)]),
        "transit_stops": frame(places, "S", name=[f"站{n}" for n in range(6)], highway=["bus_stop"] * 6),
    }  # fmt: skip


OPTIONS = {
    "districts": 'id = "code"\nname = "name"',
    "population": 'id = "code"\nfield = "pop"',
    "roads": 'id = "code"',
    "parks": 'id = "code"',
    "transit_stops": 'id = "code"',
}


@dataclass(frozen=True)
class Subject:
    """One input in one kind of file; everything else of the project stays as it is."""

    role: str
    kind: str

    @property
    def name(self) -> str:
        return f"{self.role}.{self.kind}"

    @property
    def file(self) -> Path:
        """Relative to the project."""
        if self.role == "toml":
            return Path(
                {"city": "city.toml", "layers": "layers/parks.toml", "maps": "maps/overview.toml"}.get(self.kind, f"{self.kind}.toml")
            )
        return Path("data") / ("city.osm" if self.name == "osm.osm" else f"{self.role}.{self.kind}")

    @property
    def vector(self) -> bool:
        return self.role in OPTIONS


VECTOR_KINDS = ("gpkg", "shp", "zip", "geojson", "fgb", "parquet", "gdb")
SUBJECTS = [
    *(Subject("osm", kind) for kind in ("osm", "osm.gz", "osm.bz2", "osm.pbf")),
    *(Subject(role, kind) for role in OPTIONS for kind in VECTOR_KINDS),
    Subject("population", "csv"),
    Subject("transit_stops", "csv"),
    Subject("parks", "dxf"),
    Subject("population", "tif"),
    Subject("elevation", "tif"),
    *(Subject("toml", kind) for kind in ("city", "layers", "maps", "facilities")),
]


def build(folder: Path, subject: Subject) -> None:
    """Make the undamaged project of a subject."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    osm = subject.file if subject.role == "osm" else Path("data/city.osm")
    write_extract(folder / osm)
    lines = ['name = "试城"', 'synthetic = "synthetic data"', "[osm]", f'file = "{osm}"', "made_up = true"]
    for role in dict.fromkeys(["districts", "population", subject.role]):
        kind = subject.kind if role == subject.role else "geojson"
        if role in OPTIONS or role == "elevation":
            write(folder / "data" / f"{role}.{kind}", role)
            lines += [f"[layers.{role}]", f'file = "data/{role}.{kind}"', OPTIONS.get(role, "") if kind != "tif" else ""]
            if kind in ("csv", "dxf"):
                lines += ['crs = "EPSG:4326"']
            if kind == "dxf":
                lines.remove(OPTIONS[role])
    (folder / "city.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    if subject.role == "toml" and subject.kind != "city":
        path = folder / subject.file
        path.parent.mkdir(exist_ok=True)
        path.write_text(OWN[subject.kind], encoding="utf-8")


OWN = {
    "layers": 'title = { zh = "公园", en = "Parks" }\n[osm]\nmatch = [{ leisure = ["park"] }]\n[style]\ncolor = "#00695c"\nsize = 2.0\n',
    "maps": 'title = { zh = "总览", en = "Overview" }\nopens_with = "population"\n'
    '[overlays.buildings]\nlayer = "buildings"\nshown = true\nstyle = { color = "#6d4c41", weight = 0.5, fill = "#a1887f", fill_opacity = 0.6 }\n',
    "facilities": '[classes.toilet]\ntitle = { zh = "公厕", en = "public toilet" }\nfrom = [{ amenity = ["toilets"] }]\nthin_per_10000 = 0.2\n'
    '[metrics.toilet_coverage]\ntitle = { zh = "公厕", en = "Toilets" }\nstandard = { zh = "待核", en = "to be confirmed" }\n'
    '[metrics.toilet_coverage.classes]\ntoilet = { distance_m = 500, status = "to be confirmed", source = "common practice" }\n',
}


def write_extract(path: Path) -> None:
    """Write the extract in the format that its name asks for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = osm_xml()
    if path.name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    elif path.name.endswith(".bz2"):
        path.write_bytes(bz2.compress(text.encode()))
    elif path.name.endswith(".pbf"):
        write_osm(path)
    else:
        path.write_text(text, encoding="utf-8")


def write(path: Path, role: str, frame: gpd.GeoDataFrame | None = None) -> None:
    """Write a layer, or a changed frame of it, in the format that the name asks for; what stood there goes."""
    kind = path.suffix[1:]
    remove(path)
    if kind == "tif":
        values = np.arange(1.0, 257.0).reshape(16, 16)
        write_raster(path, values, bounds=BOX)
        return
    frame = frames()[role] if frame is None else frame
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "geojson":
        path.write_text(frame.to_json(drop_id=True, ensure_ascii=False), encoding="utf-8")
    elif kind == "csv":
        points = frame.geometry.centroid if (frame.geom_type != "Point").any() else frame.geometry
        table = frame.drop(columns="geometry").assign(x=shapely.get_x(points.to_numpy()), y=shapely.get_y(points.to_numpy()))
        table.to_csv(path, index=False)
    elif kind == "dxf":
        frame[["geometry"]].set_geometry(frame.boundary).to_file(path, driver="DXF", engine="pyogrio")
    elif kind == "zip":
        inside = path.parent / "inside"
        inside.mkdir()
        frame.to_file(inside / f"{role}.shp", driver="ESRI Shapefile", encoding="utf-8")
        pack(path, {part.name: part.read_bytes() for part in sorted(inside.iterdir())})
        shutil.rmtree(inside)
    else:
        driver = {"gpkg": "GPKG", "shp": "ESRI Shapefile", "fgb": "FlatGeobuf", "gdb": "OpenFileGDB"}[kind]
        more = {"encoding": "utf-8"} if kind == "shp" else {}
        frame.to_file(path, driver=driver, layer=role, engine="pyogrio", **more)


def pack(path: Path, content: dict[str, bytes]) -> None:
    """Write a zip archive with fixed times."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name, FILE_TIME), data, zipfile.ZIP_DEFLATED)


def remove(path: Path) -> None:
    """Remove a file with its side files, or a folder."""
    if path.is_dir():
        shutil.rmtree(path)
    elif path.suffix == ".shp":
        for part in path.parent.glob(f"{path.stem}.*"):
            if part.suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg"):
                part.unlink()
    else:
        path.unlink(missing_ok=True)
