from __future__ import annotations

from pathlib import Path

import pytest
from small_store import SIZE, random_encoder

from film_pictures import mixed
from hilum.config import PrepareConfig
from hilum.features import FeatureStore
from hilum.features.embedding import embed
from hilum.pixels import Pack, build_pack

pytest.importorskip("lancedb")


def pack_of(folder: Path, films: int, others: tuple[str, ...], ask: str = "any") -> Pack:
    table = mixed(folder / "films", films, others)
    return build_pack(table, folder / "pack", PrepareConfig(size=SIZE), films=ask, workers=1)


def unlike(pack: Pack, folder: Path) -> tuple[str, ...]:
    return embed(random_encoder(), pack, FeatureStore(folder / "features", create=True)).unlike


def test_what_is_no_film_is_named(tmp_path: Path):
    assert unlike(pack_of(tmp_path, 6, ("mask", "limb")), tmp_path) == ("mask0", "limb1")


@pytest.mark.parametrize(
    ("films", "others", "ask"), [(6, (), "any"), (6, ("mask", "limb"), "auto"), (1, ("mask", "limb"), "any")]
)
def test_nothing_is_noted(tmp_path: Path, films: int, others: tuple[str, ...], ask: str):
    """Of films alone; where the pack has left the others out; of a set of other things."""
    assert unlike(pack_of(tmp_path, films, others, ask), tmp_path) == ()


def test_the_command_says_it(tmp_path: Path, hilum, monkeypatch: pytest.MonkeyPatch):
    pack = pack_of(tmp_path, 6, ("mask",))
    monkeypatch.setattr("hilum.api.features.Encoder.open", lambda *_, **__: random_encoder())
    done = hilum("embed", "resnet18", "--data", pack.path, "--out", tmp_path / "features")
    assert done.code == 0, done.err
    assert "note: 1 of them do not look like chest films: mask0" in done.out
