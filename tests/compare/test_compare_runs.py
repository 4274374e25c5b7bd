"""Which runs are one group, which are refused, and what is said of the others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from compared_runs import FINDINGS, drawn, make_run
from hilum.compare import compare_runs, differing_settings, group_runs, over_seeds
from hilum.errors import ConfigError, DataError, RunError
from hilum.metrics import compare_predictions
from hilum.runs import Run
from hilum.table import BY_IMAGE

CLAHE = {"prepare": {"clahe": 2.0}}


def seeds(folder: Path, name: str = "plain", count: int = 3, **making: object) -> list[Path]:
    """Runs of one recipe."""
    return [make_run(folder, name, seed=seed, **making).path for seed in range(count)]  # type: ignore[arg-type]


def test_runs_that_differ_in_the_seed_alone_are_one_group(tmp_path: Path) -> None:
    plain = seeds(tmp_path)
    clahe = seeds(tmp_path, "clahe", 2, config=CLAHE)
    other = make_run(
        tmp_path,
        "odd",
        seed=9,
        config={"notes": "x", "train": {"device": "cpu"}, "track": {"per_finding": True}},
    )
    groups = group_runs([plain[0], clahe[0], plain[1], other.path, clahe[1]])
    assert [[run.name for run in group.runs] for group in groups] == [
        ["plain-1", "plain-2", "odd-1"],
        ["clahe-1", "clahe-2"],
    ]
    assert [group.name for group in groups] == ["plain", "clahe"]
    assert groups[0].seeds == (0, 1, 9)
    assert [(row.key, row.values) for row in differing_settings(groups)] == [("prepare.clahe", (0.0, 2.0))]


def test_groups_of_one_name_are_told_apart(tmp_path: Path) -> None:
    one = seeds(tmp_path, "trial", 2)
    two = [make_run(tmp_path, "trial", seed=seed, config=CLAHE).path for seed in range(2)]
    assert [group.name for group in group_runs([*one, *two])] == ["trial-1", "trial-3"]
    far = make_run(tmp_path / "elsewhere", "trial", config={"train": {"epochs": 3}})
    assert [group.name for group in group_runs([one[0], far])] == [str(one[0]), str(far.path)]


def test_effects_are_those_of_the_predictions(tmp_path: Path) -> None:
    plain, clahe = seeds(tmp_path), seeds(tmp_path, "clahe", 2, config=CLAHE, recipe=1, strength=1.9)
    compared = compare_runs([*plain, *clahe])
    sides = [
        [(Run(path).predictions("test"), Run(path).thresholds) for path in group] for group in (plain, clahe)
    ]
    expected = compare_predictions(*sides)
    assert compared.comparisons[0].effects == expected.effects
    assert compared.groups[0].means[-1] == pytest.approx(expected.overall.first)
    assert compared.groups[1].runs == ("clahe-1", "clahe-2")
    assert compared.groups[1].sds is not None
    assert compared.groups[1].sds[0] == pytest.approx(
        np.std([row[0] for row in compared.groups[1].values], ddof=1)
    )
    assert compared.groups[0].lows[0] < compared.groups[0].means[0] < compared.groups[0].highs[0]
    assert compared.frame().height == len(FINDINGS) + 1
    assert set(compared.frame()["group"]) == {"clahe"}
    json.dumps(compared.to_json(), allow_nan=False)


def test_each_group_is_compared_with_the_first(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, f"r{j}", recipe=j, config={"train": {"epochs": j + 1}}).path for j in range(4)]
    compared = compare_runs(runs)
    assert [group.name for group, _ in compared.pairs] == ["r1-1", "r2-1", "r3-1"]
    assert all(pair.overall.first == compared.groups[0].means[-1] for pair in compared.comparisons)
    assert len(compared.sentences) == 3
    text = " ".join(compared.warnings)
    assert "3 groups are compared with r0-1" in text
    assert "different numbers of epochs (r0-1 1, r1-1 2" in text


def test_findings_scores_and_parts_can_be_chosen(tmp_path: Path) -> None:
    one = make_run(tmp_path, "one")
    two = make_run(tmp_path, "two", config=CLAHE, findings=("Fracture", "Edema", "Hernia"), recipe=1)
    few = [make_run(tmp_path, name, config=c, parts=("valid",)) for name, c in (("a", {}), ("b", CLAHE))]
    with pytest.raises(
        RunError, match=r"only one-1 has Pneumonia, only two-1 has Hernia; .*--finding 'Edema'"
    ):
        compare_runs([one.path, two.path])
    with pytest.raises(RunError, match="other labels"):  # of other findings they drew other truths
        compare_runs([one.path, two.path], include=["Edema"])
    with pytest.raises(RunError, match="two-1 has no Pneumonia"):
        compare_runs([one.path, two.path], include=["Pneumonia"])
    with pytest.raises(DataError, match="one-1 has no finding 'Edma'; did you mean 'Edema'"):
        compare_runs([one.path, two.path], include=["Edma"])
    compared = compare_runs([run.path for run in few], part="valid", by="brier", include=["Edema", "Edema"])
    assert compared.groups[0].columns == ("Edema",)
    assert "validation part" in compared.warnings[0]
    with pytest.raises(RunError, match=r"hilum evaluate .*a-1 --part test"):
        compare_runs([run.path for run in few])
    with pytest.raises(DataError, match="no part 'tset'"):
        compare_runs([run.path for run in few], part="tset")
    with pytest.raises(ConfigError, match="did you mean 'roc_auc'"):
        compare_runs([run.path for run in few], by="rocauc")


def test_findings_shown_by_the_first_run_are_those_compared(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, "a", config={"scores": {"include": ["Edema"]}}).path,
        make_run(tmp_path, "b").path,
    ]
    assert compare_runs(runs).groups[0].columns == ("Edema",)


@pytest.mark.parametrize(
    ("making", "said"),
    [
        ({"split": "000000000000"}, "split: a-1 has 4f2a91c07be3 (by patient), b-1 000000000000"),
        ({"config": {"labels": {"uncertain": "ones"}}}, "labels.uncertain: a-1 has 'ignore', b-1 'ones'"),
        ({"config": {"labels": {"blank": "ignore"}}}, "labels.blank: a-1 has 'zeros', b-1 'ignore'"),
        ({"config": {"scores": {"unit": "patient"}}}, "scores.unit: a-1 has 'image', b-1 'patient'"),
        ({"findings": ("Hernia",)}, "they share none"),
        ({"rows": 300}, "scored on other images: 100 images of the one and 0 of the other"),
        ({"data": 5}, "other labels for"),
    ],
)
def test_unlike_runs_are_refused_with_what_differs(
    tmp_path: Path, making: dict[str, object], said: str
) -> None:
    one = make_run(tmp_path, "a")
    two = make_run(tmp_path, "b", **{"config": CLAHE, **making})  # type: ignore[arg-type]
    with pytest.raises(RunError, match="cannot be compared") as error:
        compare_runs([one.path, two.path])
    assert said in str(error.value)


def test_all_that_differs_is_said_at_once(tmp_path: Path) -> None:
    one = make_run(tmp_path, "a")
    two = make_run(tmp_path, "b", split="1", config={"labels": {"uncertain": "ones", "blank": "ignore"}})
    with pytest.raises(RunError) as error:
        compare_runs([one.path, two.path])
    assert str(error.value).count("\n  - ") == 3


def test_too_few_runs_and_repetitions(tmp_path: Path) -> None:
    one, two = make_run(tmp_path, "a"), make_run(tmp_path, "a", seed=1)
    with pytest.raises(RunError, match="two runs at least"):
        group_runs([one.path])
    with pytest.raises(RunError, match="named twice"):
        group_runs([one.path, two.path, tmp_path / "." / "a-1"])
    again = make_run(tmp_path, "again")
    with pytest.raises(RunError, match="a-1 and again-1 have the same settings and the same seed, 0"):
        group_runs([one.path, two.path, again.path])
    compared = compare_runs([one.path, two.path])
    assert compared.comparisons == ()
    assert "nothing to compare" in compared.sentences[0]
    assert not any("One run each" in warning for warning in compared.warnings)
    assert compared.frame().is_empty()


def test_an_ensemble_is_a_group_of_its_own(tmp_path: Path) -> None:
    one, two = make_run(tmp_path, "a"), make_run(tmp_path, "both")
    members = [
        {"run": "../a-1", "epoch": None, "weight": 1.0},
        {"run": "../a-2", "epoch": None, "weight": 1.0},
    ]
    two.write_info({**two.info, "members": members})
    groups = group_runs([one.path, two.path])
    assert [group.name for group in groups] == ["a-1", "both-1"]
    assert [(row.key, row.values) for row in differing_settings(groups)] == [("models averaged", (1, 2))]


def with_head(run: Run) -> Run:
    """The same run, as `hilum heads` says of one."""
    run.write_info({**run.info, "head": {"told": "logistic L2, C = 1, avg", "tried": 80}})
    return run


def test_a_head_was_not_trained_and_has_no_settings_of_a_training(tmp_path: Path) -> None:
    tuned = {"train": {"epochs": 3, "precision": "fp32"}, "optimizer": {"lr": 0.5}, "prepare": {"clahe": 2.0}}
    runs = [make_run(tmp_path, "a", config=tuned), with_head(make_run(tmp_path, "b", recipe=1))]
    compared = compare_runs([run.path for run in runs])
    assert [row.key for row in compared.settings] == ["prepare.clahe", "train.precision", "head"]
    assert not any("epochs" in warning for warning in compared.warnings if "One run" not in warning)
    third = make_run(tmp_path, "c", recipe=2, config={"optimizer": {"lr": 0.25}})
    rows = {row.key: row.values for row in differing_settings(group_runs([*runs, third]))}
    assert rows["optimizer.lr"] == (0.5, None, 0.25)
    assert any("(a-1 3, c-1 8)" in warning for warning in compare_runs([*runs, third]).warnings)


def test_one_pack_by_two_names_is_one_recipe(tmp_path: Path) -> None:
    def trained(name: str, seed: int, path: str, pack: str) -> Run:
        return make_run(tmp_path, name, seed=seed, config={"data": {"path": path}}, pack=pack)

    runs = [trained("a", 0, "packs/one", "f1"), trained("a", 1, "/data/packs/one", "f1")]
    assert [len(group.runs) for group in group_runs(runs)] == [2]
    other = trained("b", 0, "packs/one", "f2")
    groups = group_runs([*runs, other])
    assert [group.name for group in groups] == ["a", "b-1"]
    assert [row.key for row in differing_settings(groups)] == ["data.path"]


def test_another_split_is_told_with_the_settings_behind_it(tmp_path: Path) -> None:
    one = make_run(
        tmp_path, "a", config={"clean": {"views": ["frontal"]}, "split": {"valid": 0.1}}, pack="f1"
    )
    two = with_head(make_run(tmp_path, "b", split="000000000000", pack="f2"))
    with pytest.raises(RunError) as error:
        compare_runs([one.path, two.path])
    for said in ("the pack", "clean.views (frontal against none)", "split.valid (0.1 against 0.2)"):
        assert said in str(error.value)
    assert "hilum heads --recipe RECIPE" in str(error.value)


def test_old_runs_find_their_patients_in_the_split(tmp_path: Path) -> None:
    import polars as pl

    runs = [make_run(tmp_path, "a"), make_run(tmp_path, "b", config=CLAHE, recipe=1)]
    known = compare_runs([run.path for run in runs])
    for run in runs:
        path = run.path / "predictions" / "test.parquet"
        frame = pl.read_parquet(path)
        split = frame.select("image_id", "patient_id", pl.lit("test").alias("part"))
        split.write_parquet(run.path / "split.parquet")
        frame.drop("patient_id").write_parquet(path)
    found = compare_runs([run.path for run in runs])
    assert found.to_json() == known.to_json()
    for run in runs:
        pl.read_parquet(run.path / "split.parquet").drop("patient_id").write_parquet(
            run.path / "split.parquet"
        )
    none = compare_runs([run.path for run in runs])
    assert any("Patients are not known" in warning for warning in none.warnings)
    assert none.to_json()["comparisons"] != known.to_json()["comparisons"]


def test_warnings_in_plain_words(tmp_path: Path) -> None:
    def warnings(one: Run, two: Run) -> str:
        return "\n".join(compare_runs([one.path, two.path]).warnings)

    single = warnings(
        make_run(tmp_path, "a", rows=60, status="stopped"), make_run(tmp_path, "b", rows=60, config=CLAHE)
    )
    assert "One run each: the verdict is about these trained models" in single
    assert "--repeats 5" in single
    assert "Few patients with a finding, or without it: Fracture (" in single
    assert "a-1: The run is not finished (status: stopped)" in single
    by_image = {"split": {"by": "image"}}
    assert BY_IMAGE in warnings(
        make_run(tmp_path, "c", config=by_image), make_run(tmp_path, "d", config={**by_image, **CLAHE})
    )
    groups = compare_runs([*seeds(tmp_path, "many", 2), make_run(tmp_path, "lone", config=CLAHE).path])
    assert any("lone-1 has one run: seeds are taken to spread there" in w for w in groups.warnings)
    assert not any("One run each" in w for w in groups.warnings)


def test_versions_and_lone_classes_are_said(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "a"), make_run(tmp_path, "b", config=CLAHE)]
    runs[0].write_info({**runs[0].info, "version": "0.0.9"})
    for run, predictions in zip(runs, (drawn("test"), drawn("test", recipe=1)), strict=True):
        predictions.targets[:, 1] = 0
        predictions.save(run.path / "predictions" / "test.parquet")
    compared = compare_runs([run.path for run in runs])
    assert any("different versions of hilum (0.0.9, " in warning for warning in compared.warnings)
    assert "Pneumonia is left out: there are no positive images." in compared.warnings
    assert compared.groups[0].columns == ("Edema", "Fracture", None)


def test_sentences_say_who_by_how_much_and_what_it_would_take(tmp_path: Path) -> None:
    plain = make_run(tmp_path, "plain", rows=1600).path
    strong = make_run(tmp_path, "strong", rows=1600, recipe=1, strength=2.2, config=CLAHE).path
    alike = make_run(
        tmp_path, "alike", rows=1600, recipe=2, strength=1.42, config={"train": {"epochs": 9}}
    ).path
    better = compare_runs([plain, strong]).sentences[0]
    assert better.startswith("strong-1 is better than plain-1: mean ROC AUC 0.")
    assert "Better on Edema" in better
    assert compare_runs([strong, plain]).sentences[0].startswith("plain-1 is worse than strong-1")
    assert "is better than plain-1: mean Brier" in compare_runs([plain, strong], by="brier").sentences[0]
    unclear = compare_runs([plain, alike]).sentences[0]
    assert "alike-1 is not distinguishable from plain-1" in unclear
    assert "positive labels" in unclear


def test_seeds_that_differ_too_much_are_said(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path, name, seed=seed, recipe=recipe, strength=strength, config=config).path
        for name, recipe, config in (("a", 0, {}), ("b", 1, CLAHE))
        for seed, strength in enumerate((0.6, 1.4 + 0.1 * recipe, 2.6))
    ]
    assert "train more seeds of both" in compare_runs(runs).sentences[0]


def test_spread_over_seeds(tmp_path: Path) -> None:
    from hilum.metrics import score

    runs = [Run(path) for path in seeds(tmp_path, count=3)]
    for run in runs:
        predictions = run.predictions("valid")
        run.write_scores(predictions, score(predictions, run.thresholds))
    rows = {row["score"]: row for row in over_seeds(runs)}
    found = [scores.mean("roc_auc")[0] for run in runs if (scores := run.scores("valid"))]
    auc = rows["ROC AUC"]
    assert (auc["min"], auc["max"], auc["runs"]) == (min(found), max(found), 3)
    assert (auc["mean"], auc["sd"]) == pytest.approx((np.mean(found), np.std(found, ddof=1)))
    assert over_seeds(runs[:1])[0]["sd"] is None
    assert over_seeds(runs, "test") == []
