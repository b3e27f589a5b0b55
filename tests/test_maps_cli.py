"""``spatial map``: what it writes and measures, what it leaves alone, and what it says."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from spatial.cli import main
from spatial.files import atomic_path
from spatial.metrics import registered
from spatial.outputs.map_specs import map_spec, map_specs
from spatial.outputs.webmap import edition_of, is_ours
from spatial.result import SCHEMA_VERSION
from tests.outputs.secret_city import SECRETS, contents, secret_project, traces
from tests.outputs.test_maps import payload_of
from tests.small_city import project

QUIET = ("--quiet", "--lang", "en")


@pytest.fixture
def city(tmp_path: Path) -> Path:
    return project(tmp_path / "plan", osm=True)


def pages(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def add(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["map", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for word in ("city.toml", "NAME", "--out", "--by", "--lang", "--base-map", "--no-cache", "--quiet", "spatial list maps", "tianditu"):
        assert word in said


@pytest.mark.parametrize(("lang", "said"), [("en", "15-minute circle"), ("zh", "15 分钟生活圈")])
def test_maps_are_listed(capsys: pytest.CaptureFixture[str], lang: str, said: str) -> None:
    assert main(["list", "maps", "--lang", lang]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("overview")
    assert any(line.startswith("circle") and line.endswith(said) for line in lines)


def test_one_map_measures_what_it_shows_and_no_more(
    city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import spatial.measurement

    asked: list[Any] = []
    measured = spatial.measurement.measure
    monkeypatch.setattr(spatial.measurement, "measure", lambda *given, **options: (asked.append(given[1]), measured(*given, **options))[1])
    assert main(["map", str(city), "roads", *QUIET]) == 0
    folder = city.parent / "out" / "maps"
    assert pages(folder) == ["roads.html"]
    assert is_ours(folder / "roads.html")
    assert capsys.readouterr().out.splitlines() == [str(folder), "  roads.html"]
    # Of its metrics those that this city can answer: it has no ledger.
    assert set(asked[0]) == {name for name in map_spec("roads", None).metrics if registered()[name].source != "ledger"}
    payload = payload_of((folder / "roads.html").read_text(encoding="utf-8"))
    assert payload["name"] == "roads"
    assert "road_surface" in [overlay["name"] for overlay in payload["overlays"]]


def test_the_same_call_gives_the_same_bytes_in_place_of_the_old(city: Path) -> None:
    page = city.parent / "out" / "maps" / "roads.html"
    assert main(["map", str(city), "roads", *QUIET]) == 0
    first = page.read_bytes()
    assert main(["map", str(city.parent), "roads", *QUIET]) == 0
    assert page.read_bytes() == first


def test_without_names_every_map_that_has_something_to_show(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", str(city), *QUIET, "--out", str(city.parent / "pages")]) == 0
    said = capsys.readouterr()
    written = pages(city.parent / "pages")
    assert {"overview.html", "quality.html", "roads.html"} <= set(written)
    assert "targets.html" not in written
    why = [line for line in said.err.splitlines() if line.startswith("notice: map ")]
    assert any("map targets: there is neither a plan nor a ledger" in line for line in why)
    named = {line.split()[2].rstrip(":") + ".html" for line in why}
    assert named | set(written) == {f"{name}.html" for name in map_specs(None)}
    assert not named & set(written)


def test_a_named_map_without_anything_to_show_is_an_error(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", str(city), "transit", *QUIET]) == 2
    assert "map transit: no value in any area of bus_stop_500m_coverage" in capsys.readouterr().err
    assert not (city.parent / "out" / "maps").exists()


def test_targets_without_a_plan_are_told_before_anything_is_read(
    city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spatial.project.open_city", lambda *given, **options: pytest.fail("the city was read"))
    assert main(["map", str(city), "targets", *QUIET]) == 2
    assert "neither a plan nor a ledger" in capsys.readouterr().err
    assert not (city.parent / "out" / "maps").exists()


def test_an_unknown_map_is_told_before_anything_is_read(
    city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spatial.project.open_city", lambda *given, **options: pytest.fail("the city was read"))
    assert main(["map", str(city), "raods", *QUIET]) == 2
    said = capsys.readouterr().err
    assert 'there is no map "raods"; did you mean "roads"?' in said
    assert "transit" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('title = { zh = "x", en = "x" }\nmetrics = ["road_density"]\n', 'metric "road_density" is not known'),
        ('title = { zh = "x", en = "x" }\n[classes]\ncount = 12\n', "from 2 to 7"),
    ],
)
def test_a_wrong_declaration_is_told_before_anything_is_read(
    city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    monkeypatch.setattr("spatial.project.open_city", lambda *given, **options: pytest.fail("the city was read"))
    (city.parent / "maps").mkdir(exist_ok=True)
    (city.parent / "maps" / "mine.toml").write_text(text, encoding="utf-8")
    assert main(["map", str(city), *QUIET]) == 2
    told = capsys.readouterr().err
    assert "mine.toml" in told
    assert said in told


def test_a_file_of_another_kind_is_never_replaced(city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial.project.open_city", lambda *given, **options: pytest.fail("the city was read"))
    folder = city.parent / "out" / "maps"
    folder.mkdir(parents=True)
    theirs = folder / "roads.html"
    theirs.write_text("<html>somebody's own</html>", encoding="utf-8")
    assert main(["map", str(city), "roads", *QUIET]) == 4
    assert "is no map of spatial" in capsys.readouterr().err
    assert theirs.read_text(encoding="utf-8") == "<html>somebody's own</html>"
    theirs.unlink()
    theirs.symlink_to(city)
    assert main(["map", str(city), "roads", *QUIET]) == 4
    assert main(["map", str(city), "roads", *QUIET, "--out", str(city)]) == 4


def test_a_base_map_of_the_command_line_replaces_that_of_the_city(city: Path) -> None:
    page = city.parent / "out" / "maps" / "roads.html"
    add(city, '\n[map]\nbase_map = "tianditu"\nbase_map_token = "0a1b2c3d"\n')
    assert main(["map", str(city), "roads", *QUIET]) == 0
    assert "https://t0.tianditu.gov.cn" in page.read_text(encoding="utf-8")
    assert main(["map", str(city), "roads", *QUIET, "--base-map", "osm"]) == 0
    text = page.read_text(encoding="utf-8")
    assert "https://tile.openstreetmap.org" in text
    assert "tianditu" not in text
    assert main(["map", str(city), "roads", *QUIET, "--base-map", "none"]) == 0
    assert payload_of(page.read_text(encoding="utf-8"))["base"] is None


def test_a_shifted_base_map_is_refused(city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spatial.project.open_city", lambda *given, **options: pytest.fail("the city was read"))
    assert main(["map", str(city), "roads", *QUIET, "--base-map", "gaode"]) == 2
    said = capsys.readouterr().err
    assert "GCJ-02" in said
    assert "tianditu" in said


def test_a_token_stands_in_the_page_and_nowhere_else(city: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = "0a1b2c3d4e5f"
    add(city, f'\n[map]\nbase_map = "tianditu"\nbase_map_token = "{token}"\nissuing_unit = "规划院"\n')
    out = city.parent / "result"
    assert main(["run", str(city), "--metrics", "road_network_density", "--out", str(out), *QUIET]) == 0
    files = [path for path in city.parent.rglob("*") if path.is_file() and path not in (city, out / "map.html")]
    assert len(files) > 6
    assert not [path.name for path in files if token.encode() in path.read_bytes()]
    assert token in str(payload_of((out / "map.html").read_text(encoding="utf-8"))["base"])
    said = capsys.readouterr()
    assert token not in said.out + said.err
    assert "base_map" not in json.dumps(json.loads((out / "run.json").read_text(encoding="utf-8"))["options"])


# ---- the public edition


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return secret_project(tmp_path_factory.mktemp("secret"))


def test_no_planted_word_or_place_is_in_any_public_page(secrets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", str(secrets), "--edition", "public", *QUIET]) == 0
    assert main(["map", str(secrets), *QUIET]) == 0
    public, internal = (contents(secrets.parent / "out" / name) for name in ("maps-public", "maps"))
    assert len([name for name in public if name.endswith(".html")]) >= 6
    marks = [mark for of in SECRETS for place in SECRETS[of][1:] for mark in traces(place, "EPSG:4551").values()]  # type: ignore[arg-type]
    for word in (b"PLANT", b"gas_stores", str(secrets.parent).encode(), *marks):
        assert not [name for name, part in public.items() if word in part], word
    assert [name for name, part in internal.items() if b"PLANT" in part]
    assert not [name for name in public if name.endswith("/spatial-what-if")]


def test_no_folder_holds_pages_of_two_editions(secrets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public, internal = tmp_path / "public", tmp_path / "internal"
    assert main(["map", str(secrets), "roads", "--edition", "public", "--out", str(public), *QUIET]) == 0
    assert main(["map", str(secrets), "roads", "--out", str(internal), *QUIET]) == 0
    before = {path: path.read_bytes() for path in (public / "roads.html", internal / "roads.html")}
    assert (edition_of(public / "roads.html"), edition_of(internal / "roads.html")) == ("public", "")
    for folder, more, said in ((internal, ["--edition", "public"], "no edition for the public"), (public, [], "of the public edition")):
        assert main(["map", str(secrets), "quality", "--out", str(folder), *more, *QUIET]) == 4  # not even beside one another
        assert said in capsys.readouterr().err
        assert pages(folder) == ["roads.html"]
    assert {path: path.read_bytes() for path in before} == before


def test_public_pages_of_an_earlier_call_are_named(secrets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    public = ["--edition", "public", "--out", str(tmp_path), *QUIET]
    assert main(["map", str(secrets), "quality", *public]) == 0
    assert "earlier call" not in capsys.readouterr().err
    assert main(["map", str(secrets), "roads", *public]) == 0
    assert "also holds quality.html of an earlier call" in capsys.readouterr().err


def test_a_run_that_cannot_stand_beside_is_told_before_anything_is_read(
    secrets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import spatial.project

    monkeypatch.setattr(spatial.project, "open_city", lambda *given, **options: pytest.fail("was read"))
    assert main(["map", str(secrets), "roads", "--beside", str(tmp_path / "none"), *QUIET]) == 3
    assert "run.json: cannot be read" in capsys.readouterr().err
    (tmp_path / "run.json").write_text(json.dumps({"schema_version": SCHEMA_VERSION}), encoding="utf-8")
    assert main(["map", str(secrets), "roads", "--edition", "public", "--beside", str(tmp_path), *QUIET]) == 2
    assert "is no run of the public edition" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["..", "a\nb", "\u202elmth", "a b"])
def test_a_map_has_the_name_of_a_page(city: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (city.parent / "maps").mkdir()
    (city.parent / "maps" / f"{name}.toml").write_text('title = { zh = "图", en = "Map" }\n', encoding="utf-8")
    assert main(["map", str(city), *QUIET]) == 2
    assert "the name of a map has letters" in capsys.readouterr().err


def test_what_a_killed_call_left_goes_after_a_day(city: Path) -> None:
    folder = city.parent / "out" / "maps"
    folder.mkdir(parents=True)
    with atomic_path(folder / "roads.html") as part:  # whatever these files are called
        left = part.with_name(part.name)
        part.write_text("", encoding="utf-8")
        kept = part.read_bytes()
    left.write_bytes(kept)
    os.utime(left, (0, 0))
    (folder / "roads.html").unlink()
    assert main(["map", str(city), "roads", *QUIET]) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["roads.html"]


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_all_pages_of_a_call_or_none(
    city: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    """A disk that fills up, or an interruption, at the second page: the first one is not of another day than the others."""
    import spatial.outputs.webmap.page

    folder = city.parent / "out" / "maps"
    assert main(["map", str(city), "roads", "quality", *QUIET]) == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    rendered, write_bytes = spatial.outputs.webmap.page._page, Path.write_bytes

    def failing(path: Path, content: bytes) -> int:
        if "quality" in path.name:
            raise failure
        return write_bytes(path, content)

    monkeypatch.setattr(spatial.outputs.webmap.page, "_page", lambda *given: rendered(*given) + b"<!-- newer -->")
    monkeypatch.setattr(Path, "write_bytes", failing)
    capsys.readouterr()
    with contextlib.suppress(KeyboardInterrupt):
        assert main(["map", str(city), "roads", "quality", *QUIET]) in (4, 130)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    if isinstance(failure, OSError):
        assert f"error: {folder / 'quality.html'}: cannot be written: no space left" in capsys.readouterr().err
