"""What may lie under a map: what is taken, what is refused and why, and that a token stays where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest

from spatial.base_map import base_map_faults, base_map_of
from spatial.city_toml import parse_project
from spatial.errors import ProjectError
from spatial.sheet import Sheet
from tests.small_city import project

TILES = "https://tiles.example.org/{z}/{x}/{y}.png"


def sheet(base_map: str, token: str = "", attribution: str = "© City survey") -> Sheet:
    return Sheet(base_map=base_map, base_map_token=token, base_map_attribution=attribution)


def test_nothing_lies_under_a_map_by_default() -> None:
    assert base_map_of(Sheet()) is None


def test_openstreetmap() -> None:
    base = base_map_of(Sheet(base_map="osm"))
    assert base is not None
    assert base.origins == ("https://tile.openstreetmap.org",)
    assert base.attribution == "© OpenStreetMap contributors"


def test_tianditu_has_the_token_of_the_user_and_keeps_its_mark() -> None:
    base = base_map_of(Sheet(base_map="tianditu", base_map_token="0a1b2c"))
    assert base is not None
    assert base.origins == ("https://t0.tianditu.gov.cn",)
    assert [name for tile in base.tiles for name in ("vec_w", "cva_w") if name in tile] == ["vec_w", "cva_w"]
    assert all(tile.endswith("&tk=0a1b2c") for tile in base.tiles)
    assert base.attribution.startswith("天地图 · GS")
    own = base_map_of(Sheet(base_map="tianditu", base_map_token="0a1b2c", base_map_attribution="GS（2026）1号"))
    assert own is not None
    assert own.attribution == "天地图 · GS（2026）1号"


@pytest.mark.parametrize(("token", "said"), [("", "needs base_map_token"), ("a b", "other signs"), ("x&callback=y", "other signs")])
def test_tianditu_without_a_token_that_can_be_one(token: str, said: str) -> None:
    (message,) = base_map_faults(Sheet(base_map="tianditu", base_map_token=token), "city.toml [map]")
    assert said in message
    assert not token or token not in message


def test_a_template_of_tiles_allows_its_server_alone() -> None:
    base = base_map_of(sheet("https://maps.example.org:8443/wmts/{z}/{x}/{y}?key=abc"))
    assert base is not None
    assert base.origins == ("https://maps.example.org:8443",)
    wmts = base_map_of(sheet("https://maps.example.org/wmts/default/w/{TileMatrix}/{TileRow}/{TileCol}.png"))
    assert wmts is not None
    assert wmts.tiles == ("https://maps.example.org/wmts/default/w/{z}/{y}/{x}.png",)


@pytest.mark.parametrize("near", ["http://127.0.0.1:8000", "http://localhost", "http://10.1.2.3", "http://192.168.0.7:81"])
def test_plain_http_is_for_ones_own_network(near: str) -> None:
    assert base_map_faults(sheet(near + "/{z}/{x}/{y}"), "here") == []


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("http://tiles.example.org/{z}/{x}/{y}.png", "must begin with https://"),
        ("ftp://tiles.example.org/{z}/{x}/{y}.png", "must begin with https://"),
        ("https://{s}.tiles.example.org/{z}/{x}/{y}.png", "address has"),
        ("https://tiles.example.org/{s}/{z}/{x}/{y}.png", "several servers"),
        ("https://tiles.example.org/{z}/{x}.png", "lacks {y}"),
        ("https://tiles.example.org/{z}/{x}/{y}{r}.png", "{r}"),
        ("https://tiles.example.org/{z}/{x}/{-y}.png", "{-y}"),
        ("https://me:word@tiles.example.org/{z}/{x}/{y}.png", "a user or a password"),
        ("https://tiles.example.org; script-src *//{z}/{x}/{y}.png", "no address has"),
        ("https://tiles.example.org\"'/{z}/{x}/{y}.png", "no address has"),
        ("https://瓦片.cn/{z}/{x}/{y}.png", "no address has"),
        ("https:///{z}/{x}/{y}.png", "no address has"),
        ("https://tiles.example.org:99999/{z}/{x}/{y}.png", "no address"),
        ("https://[::1/{z}/{x}/{y}.png", "no address"),
        ("javascript://x/{z}/{x}/{y}", "must begin with https://"),
    ],
)
def test_templates_that_cannot_be_used(template: str, said: str) -> None:
    (message,) = base_map_faults(sheet(template), "city.toml [map]")
    assert said in message
    assert "word" not in message.replace("password", "")


def test_tiles_without_an_attribution_are_refused() -> None:
    (message,) = base_map_faults(sheet(TILES, attribution=" "), "here")
    assert "base_map_attribution" in message


@pytest.mark.parametrize(
    ("name", "datum"),
    [
        ("gaode", "GCJ-02"), ("高德", "GCJ-02"), ("Amap", "GCJ-02"), ("百度", "BD-09"), ("baidu", "BD-09"), ("tencent", "GCJ-02"),
        ("https://webrd01.is.autonavi.com/appmaptile?x={x}&y={y}&z={z}", "GCJ-02"),
        ("https://wprd01.IS.AutoNavi.com./appmaptile?x={x}&y={y}&z={z}", "GCJ-02"),
        ("https://rt0.map.gtimg.com/tile?z={z}&x={x}&y={y}", "GCJ-02"),
        ("https://maponline0.bdimg.com/tile/?x={x}&y={y}&z={z}", "BD-09"),
        ("https://mt0.google.cn/vt?x={x}&y={y}&z={z}", "GCJ-02"),
    ],
)  # fmt: skip
def test_shifted_services_are_refused_with_the_reason_and_a_remedy(name: str, datum: str) -> None:
    (message,) = base_map_faults(sheet(name), "city.toml [map]")
    assert datum in message
    assert "metres" in message
    assert "tianditu" in message


def test_a_host_that_only_resembles_a_shifted_one_is_not_refused() -> None:
    assert base_map_faults(sheet("https://tiles.notamap.com/{z}/{x}/{y}.png"), "here") == []


def test_an_unknown_name_is_told_with_the_nearest() -> None:
    (message,) = base_map_faults(Sheet(base_map="tiandtu"), "city.toml [map]")
    assert 'did you mean "tianditu"?' in message
    with pytest.raises(ProjectError, match="tiandtu"):
        base_map_of(Sheet(base_map="tiandtu"))


def test_a_wrong_base_map_is_told_before_anything_is_read(tmp_path: Path) -> None:
    path = project(tmp_path / "plan", osm=True)
    plain = path.read_text(encoding="utf-8")
    path.write_text(plain + '\n[map]\nbase_map = "gaode"\n', encoding="utf-8")
    with pytest.raises(ProjectError, match="GCJ-02"):
        parse_project(path)
    path.write_text(plain + "\n[map]\nbase_map_token = 12345\n", encoding="utf-8")
    with pytest.raises(ProjectError, match="base_map_token must be text") as raised:
        parse_project(path)
    assert "12345" not in str(raised.value)


def test_a_token_is_not_shown_when_a_sheet_is_printed() -> None:
    assert "secret-token" not in repr(Sheet(base_map="tianditu", base_map_token="secret-token"))
    assert "secret-token" not in repr(sheet("https://tiles.example.org/{z}/{x}/{y}?key=secret-token"))
