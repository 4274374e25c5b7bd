"""A copy trains where its original trains, and takes no part anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_packs import made_pack

from hilum import api
from hilum.augment import augment_pack
from hilum.config import AugmentPackConfig, Config, make_config, read_config
from hilum.files import read_json
from hilum.pixels import Pack
from hilum.table import Table
from hilum.train import Job, make_job, open_data

COPIES = 2
RECIPE = """
prepare.size = 24
model.name = "resnet18"
train = {epochs = 1, batch = 32, device = "cpu"}
track.tensorboard = "off"
sampling.kind = "finding"
augment.share = 0.5
split.test = 0.2
scores.replicates = 100
"""


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[bool, bool], Pack]:
    """By whether there are official parts and whether there are copies."""
    found = {}
    for official in (True, False):
        folder = tmp_path_factory.mktemp("packs")
        plain = made_pack(folder, 80, official=official)
        found[official, False] = plain
        found[official, True] = augment_pack(plain, folder / "out", AugmentPackConfig(copies=COPIES)).pack
    return found


def settings(pack: Pack, split: dict[str, Any], **more: dict[str, Any]) -> Config:
    given = {"data": {"path": str(pack.path)}, "prepare": {"size": 24}, "split": split}
    return make_config({name: {**given.get(name, {}), **more.get(name, {})} for name in {*given, *more}})


def ids(job: Job, part: str, *, copies: bool = False) -> set[str]:
    return set(job.part(part, copies=copies).table.frame["image_id"])


splits = st.fixed_dictionaries(
    {"by": st.sampled_from(["patient", "image"]), "keep_official": st.booleans(), "seed": st.integers(0, 99)},
    optional={"valid": st.floats(0.2, 0.4), "test": st.floats(0.1, 0.4), "folds": st.sampled_from([0, 2, 3])},
)


@given(splits, st.booleans(), st.sampled_from([0, 50]), st.integers(0, 1))
def test_no_copy_is_outside_train_and_none_of_what_is_not_in_train(
    packs: dict[tuple[bool, bool], Pack], split: dict[str, Any], official: bool, subset: int, fold: int
) -> None:
    split = {**split, "fold": fold if split.get("folds") else 0}
    data = {"subset": subset}
    plain = make_job(settings(packs[official, False], split, data=data))
    job = make_job(settings(packs[official, True], split, data=data))
    check_that_copies_follow_train(plain, job)


@pytest.mark.parametrize("by", ["official", "file"])
def test_the_same_holds_for_given_splits(
    packs: dict[tuple[bool, bool], Pack], by: str, tmp_path: Path
) -> None:
    split: dict[str, Any] = {"by": by}
    if by == "file":
        names = packs[True, False].table.frame["image_id"]
        parts = [("train", "valid", "test")[k % 3] for k in range(len(names))]
        pl.DataFrame({"image_id": names, "part": parts}).write_csv(tmp_path / "split.csv")
        split["file"] = str(tmp_path / "split.csv")
    clean = {"parts": ["train", "valid", "test"]} if by == "official" else {}
    plain, job = (make_job(settings(packs[True, copies], split, clean=clean)) for copies in (False, True))
    check_that_copies_follow_train(plain, job)


def check_that_copies_follow_train(plain: Job, job: Job) -> None:
    assert job.split.id == plain.split.id
    assert job.split.warnings == plain.split.warnings
    known, now = plain.describe(), job.describe()
    for key in ("table_fingerprint", "split", "prevalence", "findings"):
        assert known[key] == now[key]
    for part in ("train", "valid", "test"):
        if len(plain.split.parts.get(part, ())):
            assert ids(job, part) == ids(plain, part)
            assert not job.part(part).table.frame[Table.COPY_OF].count()
    learning = job.part("train", copies=True)
    copied = learning.table.frame.filter(~learning.own)
    of = set(copied[Table.COPY_OF])
    assert of <= ids(plain, "train")
    official = plain.table.frame.select("image_id", "official_split")
    eligible = official.filter(pl.col("official_split").is_null() | (pl.col("official_split") == "train"))[
        "image_id"
    ]
    assert of == ids(plain, "train") & set(eligible)
    assert len(copied) == COPIES * len(of)
    assert not job.table.originals().copies.any()
    assert set(job.images()["image_id"]) == set(plain.images()["image_id"])
    assert set(job.split.frame(job.table)["image_id"]) == set(plain.images()["image_id"])
    everything = open_data(job.config)[1].frame[Table.COPY_OF].count()
    assert now.get("copies", {}) == {"train": len(copied), "left_out": everything - len(copied)}
    assert (learning.slots == job.pack.rows_of(learning.table)).all()


def test_mean_and_sd_are_of_all_that_is_learned_from(packs: dict[tuple[bool, bool], Pack]) -> None:
    job = make_job(settings(packs[False, True], {}))
    learning = job.part("train", copies=True)
    pixels = job.pack.images(learning.slots) / 255.0
    assert job.normalisation.gray == pytest.approx((pixels.mean(), pixels.std()))
    assert len(learning) == (1 + COPIES) * len(job.part("train"))


def test_a_verdict_on_an_image_holds_for_its_copies(
    packs: dict[tuple[bool, bool], Pack], tmp_path: Path
) -> None:
    plain = make_job(settings(packs[False, True], {}))
    first = plain.part("train").table.frame.row(0, named=True)
    verdict = "negative" if first["Left"] else "positive"
    (tmp_path / "o.csv").write_text(
        f"image_id,finding,verdict,by,when\n{first['image_id']},Left,{verdict},me,2025-01-01\n"
    )
    job = make_job(settings(packs[False, True], {}, labels={"overlay": str(tmp_path / "o.csv")}))
    learning = job.part("train", copies=True).table.frame
    ours = learning.filter(
        (pl.col("image_id") == first["image_id"]) | (pl.col(Table.COPY_OF) == first["image_id"])
    )
    assert ours["Left"].to_list() == [1 - first["Left"]] * (1 + COPIES)


def test_a_table_without_copies_is_left_as_it_is(packs: dict[tuple[bool, bool], Pack]) -> None:
    table = packs[True, False].table
    assert table.originals() is table
    assert not table.copies.any()
    same, added, left_out = table.with_copies_of(table, np.arange(3))
    assert (same is table, len(added), left_out) == (True, 0, 0)


def test_a_run_learns_from_copies_and_scores_originals_alone(
    packs: dict[tuple[bool, bool], Pack], hilum: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "copied.toml").write_text(RECIPE)
    done = hilum("train", tmp_path / "copied.toml", "--data", packs[False, True].path, "--out", tmp_path)
    assert done.code == 0, done.err
    run = next(tmp_path.glob("copied-1"))
    from hilum.runs import Run

    found = Run(run)
    told = found.data["copies"]
    assert told["train"] > 0 < told["left_out"]
    assert f"{told['train']:,} copies of those of train" in done.out + done.err
    counts = found.data["split"]["counts"]
    assert sum(part["images"] for part in counts.values()) == 80
    for part in ("train", "valid"):
        names = found.predictions(part, 1).image_ids
        assert not any("~" in name for name in names)
    assert api.evaluate(found, "test").images == counts["test"]["images"]
    assert api.evaluate(found, "train").images == counts["train"]["images"]


def test_reports_and_feature_stores_are_of_originals(
    packs: dict[tuple[bool, bool], Pack], tmp_path: Path
) -> None:
    plain, copied = packs[True, False], packs[True, True]
    own = copied.originals()
    assert plain.originals() is plain
    assert own.table.frame.equals(plain.table.frame)
    assert own.stats.equals(plain.stats)
    assert (own.images(own.slots) == plain.images(plain.slots)).all()
    numbers = [
        read_json(api.data_report(pack, tmp_path / f"{k}.html").with_suffix(".json"))
        for k, pack in enumerate((plain, copied))
    ]
    assert numbers[0]["images"] == numbers[1]["images"] == 80
    pytest.importorskip("lancedb")
    from hilum.features import FeatureStore, embed
    from hilum.predict import Encoder
    from hilum.train import train

    (tmp_path / "w.toml").write_text(RECIPE)
    run = train(read_config(tmp_path / "w.toml", [f"data.path={plain.path}"]), folder=tmp_path, quiet=True)
    done = embed(Encoder.open(run.path, device="cpu"), copied, FeatureStore(tmp_path / "store", create=True))
    assert done.added == 80
