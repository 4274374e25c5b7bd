from __future__ import annotations

from pathlib import Path

import pytest
from small_store import SIZE, random_encoder

from film_pictures import mixed
from hilum.config import PrepareConfig
from hilum.features import FeatureStore
from hilum.features.embedding import embed
from hilum.noise.unlike import unlike_note
from hilum.pixels import Pack, build_pack

pytest.importorskip("lancedb")


def pack_of(folder: Path, films: int, others: tuple[str, ...], ask: str = "any") -> Pack:
    table = mixed(folder / "films", films, others)
    return build_pack(table, folder / "pack", PrepareConfig(size=SIZE), films=ask, workers=1)


def stored(pack: Pack, folder: Path) -> tuple[tuple[str, ...], FeatureStore]:
    store = FeatureStore.open(folder / "features", create=True)
    return embed(random_encoder(), pack, store).unlike, store


def test_embed_and_noise_name_what_is_no_film(tmp_path: Path):
    unlike, store = stored(pack_of(tmp_path, 6, ("mask", "limb")), tmp_path)
    assert unlike == ("mask0", "limb1")
    assert unlike_note(store.features().frame) == (
        "2 of 8 images do not look like chest films: limb1, mask0.",
    )


@pytest.mark.parametrize(
    ("films", "others", "ask"), [(6, (), "any"), (6, ("mask", "limb"), "auto"), (1, ("mask", "limb"), "any")]
)
def test_nothing_is_noted(tmp_path: Path, films: int, others: tuple[str, ...], ask: str):
    """Of films alone; where the pack has left the others out; of a set of other things."""
    unlike, store = stored(pack_of(tmp_path, films, others, ask), tmp_path)
    assert unlike == ()
    assert unlike_note(store.features().frame) == ()


def test_a_pack_that_is_gone_is_not_looked_at(tmp_path: Path):
    pack = pack_of(tmp_path, 6, ("mask",))
    _, store = stored(pack, tmp_path)
    pack.path.rename(tmp_path / "elsewhere")
    assert unlike_note(store.features().frame) == ()


def test_the_command_says_it(tmp_path: Path, hilum, monkeypatch: pytest.MonkeyPatch):
    pack = pack_of(tmp_path, 6, ("mask",))
    monkeypatch.setattr("hilum.api.features.Encoder.open", lambda *_, **__: random_encoder())
    done = hilum("embed", "resnet18", "--data", pack.path, "--out", tmp_path / "features")
    assert done.code == 0, done.err
    assert "note: 1 of them do not look like chest films: mask0" in done.out
