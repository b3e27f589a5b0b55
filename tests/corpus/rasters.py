"""Damage to rasters of people and of heights, beyond their bytes."""

from __future__ import annotations

import random
import warnings

import numpy as np

from tests.corpus.city import Subject
from tests.corpus.scene import Expected, Scene, damage
from tests.small_city import BOX, write_raster

VALUES = np.arange(1.0, 257.0).reshape(16, 16)


def raster(subject: Subject) -> bool:
    return subject.kind == "tif"


def create(scene: Scene, values: np.ndarray | None, **more: object) -> None:
    import rasterio
    from rasterio.transform import from_bounds

    profile = {
        "driver": "GTiff",
        "count": 1,
        "height": 16,
        "width": 16,
        "dtype": "float32",
        "crs": "EPSG:4326",
        "transform": from_bounds(*BOX, 16, 16),
    }
    profile.update(more)
    scene.path.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(scene.path, "w", **profile) as target:
            if values is not None:
                target.write(np.asarray(values, dtype=profile["dtype"]), 1)


@damage("rasters", raster)
def absurd_transform(scene: Scene, rng: random.Random) -> Expected:
    from rasterio import Affine

    size = (BOX[2] - BOX[0]) / 16
    way, transform = rng.choice(
        [("none", Affine.identity()), ("zero cells", Affine(0, 0, BOX[0], 0, 0, BOX[3])), ("tiny cells", Affine(1e-30, 0, BOX[0], 0, -1e-30, BOX[3])),
         ("huge cells", Affine(1e30, 0, -5e30, 0, -1e30, 5e30)), ("not a number", Affine(np.nan, 0, BOX[0], 0, -size, BOX[3])),
         ("infinite", Affine(np.inf, 0, BOX[0], 0, -size, BOX[3])), ("turned", Affine(size, size / 2, BOX[0], size / 2, -size, BOX[3])),
         ("west of east", Affine(-size, 0, BOX[2], 0, -size, BOX[3])), ("elsewhere", Affine(size, 0, 1e6, 0, -size, 1e6)),
         ("across 180", Affine(size, 0, 180 - 8 * size, 0, -size, BOX[3])), ("beyond the pole", Affine(size, 0, BOX[0], 0, -size, 90 + 8 * size))]
    )  # fmt: skip
    create(scene, VALUES, transform=transform)
    scene.notes.append(way)
    return Expected(("error",))


@damage("rasters", raster)
def upside_down(scene: Scene, rng: random.Random) -> Expected:
    """A lawful file whose rows go from south to north: the same, or refused."""
    from rasterio import Affine

    size = (BOX[2] - BOX[0]) / 16
    create(scene, VALUES[::-1], transform=Affine(size, 0, BOX[0], 0, size, BOX[1]))
    return Expected(("error", "same"))


@damage("rasters", raster)
def a_million_million_cells(scene: Scene, rng: random.Random) -> Expected:
    """Sparse files of a few kilobytes or megabytes that say they hold 10⁹ … 10¹² cells."""
    from rasterio.transform import from_bounds

    width, height, block = rng.choice(
        [(1_000_000, 1_000_000, 16384), (60_000, 60_000, 4096), (1_000_000_000, 1, 0), (1, 100_000_000, 0), (6_000, 6_000, 512)]
    )
    tiles = {"tiled": True, "blockxsize": block, "blockysize": block} if block else {}
    create(scene, None, width=width, height=height, transform=from_bounds(*BOX, width, height), SPARSE_OK=True, BIGTIFF="YES", **tiles)
    scene.notes.append(f"{width} × {height}")
    # All cells are 0, which is a count of nobody and a height: right where it is read at all.
    scene.true_project()
    write_raster(scene.truth / scene.subject.file, np.zeros((16, 16)), bounds=BOX)
    return Expected(("error", "truth"))


@damage("rasters", raster)
def values_that_are_none(scene: Scene, rng: random.Random) -> Expected:
    way, value = rng.choice(
        [
            ("minus 9999", -9999.0),
            ("largest", 3.4e38),
            ("smallest", -3.4e38),
            ("infinite", np.inf),
            ("minus infinite", -np.inf),
            ("32 bits", 4294967295.0),
        ]
    )
    values = VALUES.copy()
    values[rng.randrange(16), rng.randrange(16)] = value
    create(scene, values)
    scene.notes.append(way)
    return Expected(("error",) if way != "32 bits" or scene.subject.role == "elevation" else ("error", "read"))


@damage("rasters", raster)
def cells_without_data(scene: Scene, rng: random.Random) -> Expected:
    values = VALUES.copy()
    many = rng.choice([1, 50, 256])
    values.ravel()[rng.sample(range(256), many)] = -9999 if rng.random() < 0.5 else np.nan
    create(scene, values, nodata=-9999 if (values == -9999).any() else np.nan)
    scene.notes.append(f"{many} of 256")
    return Expected(("error",) if many == 256 else ("told",), words=rf"{scene.subject.role}: {many} of 256 raster cells have no data")


@damage("rasters", raster)
def bands_and_types(scene: Scene, rng: random.Random) -> Expected:
    way = rng.choice(["two bands", "complex", "int8", "palette", "int64"])
    if way == "two bands":
        create(scene, VALUES, count=2)
    elif way == "complex":
        create(scene, VALUES, dtype="complex64")
    elif way == "int8":  # people beyond 127 do not fit: what the writer made of them is negative
        create(scene, VALUES.astype("uint8").astype("int8"), dtype="int8")
    elif way == "int64":
        create(scene, VALUES, dtype="int64")
    else:
        create(scene, VALUES % 255, dtype="uint8", photometric="palette")
    scene.notes.append(way)
    if way in ("palette", "int8"):
        scene.true_project()
        write_raster(
            scene.truth / scene.subject.file, VALUES % 255 if way == "palette" else VALUES.astype("uint8").astype("int8"), bounds=BOX
        )
    outcomes = {"int64": ("error", "same"), "palette": ("error", "truth"), "int8": ("error", "truth")}
    return Expected(outcomes.get(way, ("error",)))


@damage("rasters", raster)
def scaled_cells(scene: Scene, rng: random.Random) -> Expected:
    """Cells that the file says to be multiplied: the numbers that are meant, or an error."""
    import rasterio

    create(scene, VALUES * 10, dtype="int32")
    with rasterio.open(scene.path, "r+") as target:
        target.scales, target.offsets = (0.1,), (0.0,)
    return Expected(("error", "same"))


@damage("rasters", raster)
def masked_cells(scene: Scene, rng: random.Random) -> Expected:
    """A mask beside the cells hides some of them."""
    import rasterio

    mask = np.full((16, 16), 255, "uint8")
    mask[:4] = 0
    inside = rng.random() < 0.5
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=inside), rasterio.open(scene.path, "r+") as target:
        target.write_mask(mask)
    scene.notes.append("inside" if inside else "a file beside")
    return Expected(("error", "told"), words=rf"{scene.subject.role}: 64 of 256 raster cells have no data")


@damage("rasters", raster)
def side_files_of_a_raster(scene: Scene, rng: random.Random) -> Expected:
    """A world file or a metadata file beside the raster that says something else, or nonsense."""
    way = rng.choice(["world file", "nonsense", "nodata", "statistics", "crs"])
    if way == "world file":
        scene.path.with_suffix(".tfw").write_text("1\n0\n0\n-1\n0\n0\n")
        scene.notes.append(way)
        return Expected(("error", "same"))  # the file's own place counts
    band = {
        "nonsense": "<<<\x1b[31m",
        "nodata": '<PAMDataset><PAMRasterBand band="1"><NoDataValue>7</NoDataValue></PAMRasterBand></PAMDataset>',
        "statistics": '<PAMDataset><PAMRasterBand band="1"><Metadata><MDI key="STATISTICS_MAXIMUM">1e308</MDI></Metadata></PAMRasterBand></PAMDataset>',
        "crs": "<PAMDataset><SRS>LOCAL_CS[&quot;nowhere&quot;]</SRS></PAMDataset>",
    }[way]
    scene.path.with_name(f"{scene.path.name}.aux.xml").write_text(band)
    scene.notes.append(way)
    return Expected(("error", "same", "told", "read"), words=rf"{scene.subject.role}: ")


@damage("rasters", raster)
def no_crs_of_a_raster(scene: Scene, rng: random.Random) -> Expected:
    crs = rng.choice([None, 'LOCAL_CS["nowhere",UNIT["metre",1]]', "EPSG:4551", "EPSG:4979"])
    create(scene, VALUES, crs=crs)
    scene.notes.append(str(crs)[:20])
    return Expected(("error", "same") if crs == "EPSG:4979" else ("error",))
