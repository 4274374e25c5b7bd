from __future__ import annotations

import json
from pathlib import Path

import pytest

from film_pictures import mixed
from hilum.config import PrepareConfig
from hilum.errors import DataError
from hilum.pixels.build import build_pack, cached_pack
from hilum.pixels.pack import Pack
from hilum.table import Table

OTHERS = ("mask", "screenshot", "limb")
SMALL = PrepareConfig(size=32)


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """Seven films and three other pictures."""
    return mixed(tmp_path / "films", 7, OTHERS)


def test_what_is_no_film_is_left_out_with_the_reason(table: Table, tmp_path: Path):
    pack = build_pack(table, tmp_path / "pack", SMALL, max_excluded=0)
    assert len(pack) == 7
    assert pack.excluded["image_id"].to_list() == ["mask0", "screenshot1", "limb2"]
    assert all("chest film" in reason for reason in pack.excluded["reason"])
    assert pack.info["no_films"] == 3
    assert pack.info["excluded"] == 3
    assert pack.films is True
    assert Pack(pack.path).table.image_ids.tolist() == [f"film{i}" for i in range(7)]


def test_unreadable_files_are_counted_apart(table: Table, tmp_path: Path):
    (table.root / "film3.png").write_bytes(b"no picture")
    pack = build_pack(table, tmp_path / "pack", SMALL, max_excluded=0.1)
    assert len(pack) == 6
    assert pack.info["no_films"] == 3
    assert pack.info["excluded"] == 4
    with pytest.raises(DataError, match="1 of 10 images"):
        build_pack(table, tmp_path / "other", SMALL, max_excluded=0.05)


def test_healthy_packs_are_the_same_with_and_without_the_question(tmp_path: Path):
    table = mixed(tmp_path / "films", 6)
    asked, not_asked = (build_pack(table, tmp_path / films, SMALL, films=films) for films in ("auto", "any"))
    assert asked.fingerprint == not_asked.fingerprint
    assert asked.prepare == not_asked.prepare == SMALL
    assert (asked.films, not_asked.films) == (True, None)


def test_any_keeps_all(table: Table, tmp_path: Path):
    pack = build_pack(table, tmp_path / "pack", SMALL, films="any")
    assert len(pack) == 10
    assert pack.info["no_films"] == 0


def test_a_set_of_other_things_is_kept_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    table = mixed(tmp_path / "films", 3, ("limb", "texture", "abdomen", "ct"))
    pack = build_pack(table, tmp_path / "pack", SMALL)
    assert len(pack) == 7
    assert pack.films is False
    assert "4 of 7 pictures do not look like chest films" in capsys.readouterr().err


def test_half_is_not_most(tmp_path: Path):
    table = mixed(tmp_path / "films", 3, ("limb", "abdomen", "ct"))
    assert len(build_pack(table, tmp_path / "pack", SMALL)) == 3


def test_only_films(tmp_path: Path):
    table = mixed(tmp_path / "films", 1, ("limb", "texture", "abdomen", "ct"))
    assert len(build_pack(table, tmp_path / "pack", SMALL, films="only")) == 1
    nothing = mixed(tmp_path / "others", 0, ("limb", "abdomen"))
    with pytest.raises(DataError, match=r"none of the 2 pictures is a chest film, .*limb0\.png"):
        build_pack(nothing, tmp_path / "nothing", SMALL, films="only")


def test_packs_of_another_choice_are_other_packs(table: Table, tmp_path: Path):
    paths = {
        films: cached_pack(table, SMALL, tmp_path / "cache", films=films).path
        for films in ("auto", "only", "any")
    }
    assert len(set(paths.values())) == 3
    assert cached_pack(table, SMALL, tmp_path / "cache").path == paths["auto"]


def test_the_choice_outlives_a_kill(table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("hilum.pixels.site.Site.finish", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        build_pack(table, tmp_path / "pack", SMALL)
    monkeypatch.undo()
    monkeypatch.setattr("hilum.pixels.workers.read_picture", lambda *_, **__: 1 / 0)  # nothing is read again
    assert build_pack(table, tmp_path / "pack", SMALL).info["no_films"] == 3


def test_a_lateral_view_is_no_other_thing(tmp_path: Path):
    table = mixed(tmp_path / "films", 4, ("abdomen",), view=["frontal"] * 4 + ["lateral"])
    assert len(build_pack(table, tmp_path / "pack", SMALL)) == 5


def test_the_command_says_both_counts(tmp_path: Path, hilum):
    root = tmp_path / "films"
    table = mixed(root, 7, OTHERS)
    (root / "film3.png").write_bytes(b"no picture")
    table.frame.select("path", "patient_id", "Edema").write_csv(root / "table.csv")
    done = hilum("pack", "csv", root, "--out", tmp_path / "pack", "--size", 32, "--max-excluded", 0.1)
    assert done.code == 0, done.err
    assert (
        '1 could not be read, 3 are no chest films (clean.films = "any" keeps such) and are left out:'
        in done.out
    )
    assert "mask0.png" in done.out
    kept = hilum("pack", "csv", root, "--out", tmp_path / "all", "--size", 32, "--max-excluded", 0.1, "--set",
                 "clean.films=any", "--json")  # fmt: skip
    assert json.loads(kept.out)["images"] == 9
    wrong = hilum("pack", "csv", root, "--out", tmp_path / "x", "--set", "clean.films=some")
    assert wrong.code == 2
    assert "clean.films" in wrong.err
