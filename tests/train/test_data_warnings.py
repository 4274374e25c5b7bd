"""What a training says of its data without opening a file."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_runs import with_settings

from hilum.config import Config
from hilum.table import Table
from hilum.train.data import Job, make_job
from hilum.train.data_warnings import data_warnings
from hilum.train.session import train


@pytest.fixture
def job(config: Config) -> Job:
    return make_job(with_settings(config, "split.test=0.2"))


def with_twins(job: Job, part: str, count: int, there: str = "train") -> Job:
    """The same digest for the first `count` images of two parts."""
    ids = [job.table.image_ids[job.split.parts[name][:count]].tolist() for name in (part, there)]
    same = dict(zip(*ids, strict=True))
    digest = dict(job.pack.stats.select("image_id", "digest").iter_rows())
    stats = job.pack.stats.with_columns(
        digest=pl.Series([digest[same.get(name, name)] for name in job.pack.stats["image_id"]])
    )
    return replace(job, pack=job.pack._replaced(stats=stats))


def with_column(job: Job, name: str, values: list[str]) -> Job:
    frame = job.table.frame.with_columns(pl.Series(name, values))
    return replace(job, table=Table(frame, job.table.findings, job.table.root))


def test_sound_data_say_nothing(job: Job):
    assert data_warnings(job) == []


@given(
    count=st.integers(1, 5), there=st.sampled_from([("valid", "train"), ("test", "train"), ("test", "valid")])
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_pictures_in_two_parts_are_said(job: Job, count: int, there: tuple[str, str]):
    (said,) = data_warnings(with_twins(job, there[0], count, there[1]))
    size = len(job.split.parts[there[0]])
    assert said.startswith(
        f"{count} of the {size} images of the {there[0]} part are identical to images of {there[1]} "
        f"({count} of them of another patient id), so scores are too good."
    )


def test_twins_within_a_part_are_a_waste_alone(job: Job):
    first, second = job.table.image_ids[job.split.parts["train"][:2]]
    digest = job.pack.stats.filter(pl.col("image_id") == first)["digest"][0]
    own = pl.when(pl.col("image_id") == second).then(pl.lit(digest)).otherwise("digest").alias("digest")
    assert data_warnings(replace(job, pack=job.pack._replaced(stats=job.pack.stats.with_columns(own)))) == []


@pytest.mark.parametrize(
    ("column", "positive", "negative"),
    [
        ("source", "riverside", "harbour"),
        ("projection", "AP", "PA"),
        ("sex", "F", "M"),
        ("scanner", "A", "B"),
    ],
)
def test_a_column_that_equals_a_label_is_said(job: Job, column: str, positive: str, negative: str):
    finding = job.findings[0]
    ill = job.table.frame[finding].eq(1).fill_null(value=False)
    (said,) = data_warnings(with_column(job, column, [positive if one else negative for one in ill]))
    assert said.startswith("What predicts labels without a look at the picture (ROC AUC): ")
    assert column in said
    assert finding in said
    chance = np.random.default_rng(0).permutation([positive, negative] * (len(ill) // 2)).tolist()
    assert data_warnings(with_column(job, column, chance)) == []


def test_a_run_begins_with_what_is_said_of_its_data(job: Job, monkeypatch: pytest.MonkeyPatch):
    class Begun(Exception):
        pass

    def create(_folder: str, _config: Config, info: dict[str, Any]) -> None:
        raise Begun(info["warnings"])

    planted = with_twins(job, "valid", 2)
    monkeypatch.setattr("hilum.train.session.make_job", lambda _: planted)
    monkeypatch.setattr("hilum.train.session.Run.create", create)
    ready = SimpleNamespace(notes=(), processes=SimpleNamespace(leads=True))
    monkeypatch.setattr("hilum.train.session.Learner", lambda _: ready)
    with pytest.raises(Begun, match=r"2 of the .* images of the valid part are identical to images of train"):
        train(job.config, quiet=True)


def test_a_hundred_thousand_rows_take_under_a_second(job: Job):
    """CPU time: what is asked of a big data set must not be felt."""
    n = 100_000
    rng = np.random.default_rng(0)
    ids = [f"i{i}" for i in range(n)]
    frame = {
        "image_id": ids,
        "path": [f"{i}.png" for i in ids],
        "patient_id": [f"p{i // 3}" for i in range(n)],
    }
    frame |= {"source": rng.choice(["a", "b"], n).tolist(), "age": rng.integers(0, 90, n).astype(np.float32)}
    findings = {f"F{j}": (rng.random(n) < 0.1).astype(np.int8) for j in range(14)}
    table = Table.make(pl.DataFrame(frame | findings), list(findings))
    parts = dict(zip(("train", "valid", "test"), np.split(np.arange(n), [80_000, 90_000]), strict=True))
    stats = pl.DataFrame({"image_id": ids, "digest": [f"{i:032x}" for i in range(n)]})
    big = replace(
        job, table=table, split=replace(job.split, parts=parts), pack=job.pack._replaced(stats=stats)
    )
    started = time.process_time()
    assert data_warnings(big) == []
    assert time.process_time() - started < 2  # 0.5 s when nothing else runs
