"""Drawn container scans: the same bytes every time, two classes in folders, near misses on both sides."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hilum.errors import ConfigError, DataError
from hilum.table import read_source
from hilum_phantom import Faults, make_phantom
from hilum_phantom.containers.body import inside_of
from hilum_phantom.containers.goods import DRAW, draw_goods
from hilum_phantom.containers.plan import EMPTY, GOODS, LEFTOVERS, LOADED, Stow, plan_visits
from hilum_phantom.containers.scanner import draw_beam, make_frame, scan
from hilum_phantom.containers.scans import plan_scans, render_scan

SIZE = 48
PATTERN = "^(container[0-9]+)_"


def digest(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("containers") / "study"
    make_phantom(out, 40, "containers", seed=2, size=SIZE, masks=True, workers=1)
    return out


def test_same_seed_same_bytes_for_any_number_of_workers(study: Path, tmp_path: Path) -> None:
    make_phantom(tmp_path / "b", 40, "containers", seed=2, size=SIZE, masks=True, workers=2)
    assert digest(tmp_path / "b") == digest(study)
    make_phantom(tmp_path / "c", 40, "containers", seed=3, size=SIZE, masks=True, workers=1)
    assert digest(tmp_path / "c") != digest(study)


def test_the_folder_source_reads_classes_containers_and_parts(study: Path) -> None:
    table = read_source("folder", study, patient_pattern=PATTERN)
    truth = {row["path"]: row for row in rows(study / "truth.csv")}
    assert table.findings == (LOADED,)
    assert set(table.frame["path"]) == set(truth)
    for row in table.frame.iter_rows(named=True):
        told = truth[row["path"]]
        assert row[LOADED] == (told["class"] == LOADED) == bool(told["goods"])
        assert row["patient_id"] == f"container{int(told['container']):05d}"
        assert row["official_split"] == told["part"]
        image = cv2.imread(str(study / row["path"]), cv2.IMREAD_UNCHANGED)
        assert image.ndim == 2
        assert image.shape[0] == SIZE < 2.5 * SIZE < image.shape[1]
    parts: dict[str, set[str]] = {}
    for row in truth.values():
        parts.setdefault(row["container"], set()).add(row["part"])
    assert all(len(of) == 1 for of in parts.values())
    assert any(len([r for r in truth.values() if r["container"] == c]) > 1 for c in parts)


def test_goods_have_a_mask_and_boxes_and_what_is_left_over_has_none(study: Path) -> None:
    boxes = {row["path"] for row in rows(study / "boxes.csv")}
    for row in rows(study / "truth.csv"):
        mask = study / "masks" / "not_empty" / Path(row["path"]).with_suffix(".png")
        assert mask.exists() == (row["path"] in boxes) == (row["class"] == LOADED)


def test_where_nothing_is_in_the_way_it_is_white_and_where_steel_is_it_is_black() -> None:
    visit = next(v for v in plan_visits(30, 5) if v.lorry and v.load and v.load[0].density > 2)
    view = replace(visit.views[0], close=False)
    picture = render_scan(visit, view, 120)
    _, base = make_frame(visit, view, 120)
    goods = picture.gray[picture.masks[LOADED] > 0]
    air = picture.gray[2:6]
    assert air.mean() > 200 > 2 * goods.mean()
    assert base > 100


@example("sacks", 203, 1.0, 1.0)
@example("machines", 410, 1.0, 1.0)
@given(
    st.sampled_from([*GOODS, *LEFTOVERS]), st.integers(0, 2**31 - 1), st.floats(0.06, 1), st.floats(0.2, 1)
)
def test_goods_lie_in_the_container(kind: str, seed: int, share: float, height: float) -> None:
    visit = plan_visits(2, seed % 7)[0]
    canvas, base = make_frame(visit, replace(visit.views[0], mirrored=False), 64)
    inside = inside_of(visit.container, base)
    drawn = draw_goods(canvas, Stow(kind, 0.0, share, height, 1.0, seed), inside)
    assert drawn.shape == (canvas.height, canvas.width)
    assert drawn.dtype == np.float32
    assert drawn.min() >= -0.2
    if kind not in LEFTOVERS:
        assert drawn.max() > 0.05
        y, x = np.nonzero(drawn > 0.05)
        low, high = canvas.pixels(np.array([[inside.left, inside.top], [inside.right, inside.floor]]))
        margin = 30 * abs(canvas.matrix[0, 0]) + 2
        assert x.min() >= low[0] - margin
        assert x.max() <= high[0] + margin
        assert y.min() >= low[1] - margin
        assert y.max() <= high[1] + 4


def test_a_mirrored_scan_is_the_same_container_from_the_other_side() -> None:
    visit = next(v for v in plan_visits(30, 1) if v.load)
    one, other = (
        render_scan(visit, replace(visit.views[0], mirrored=mirrored), 64).masks[LOADED]
        for mirrored in (False, True)
    )
    assert (one != other[:, ::-1]).mean() < 0.01


def test_stripes_and_noise_are_those_asked_for() -> None:
    rng = np.random.default_rng(0)
    quiet = replace(
        draw_beam(rng), noise=0.0, pulses=0.0, detectors=0.0, dead=0, scatter=0.0, blur=0.0, white=1.0
    )
    steps = np.repeat(np.array([[0.0, 1.0, 2.0]], np.float32), 40, axis=1).repeat(60, axis=0)
    clean = scan(steps, replace(quiet, gamma=1.0), rng)
    assert clean[30, [20, 60, 100]].tolist() == [round(255 * np.exp(-t)) for t in (0, 1, 2)]
    dead = scan(steps, replace(quiet, dead=2), rng).astype(float)
    assert 1 <= (np.abs(np.diff(dead[:, 20])) > 10).sum() <= 4
    striped = scan(steps + 0.3, replace(quiet, pulses=0.02), rng).astype(float)
    assert striped.std(axis=1).mean() > 10 * striped[:, 20:30].std(axis=0).mean()


def test_classes_overlap_in_mean_darkness(study: Path) -> None:
    gray: dict[str, list[float]] = {EMPTY: [], LOADED: []}
    for row in rows(study / "truth.csv"):
        gray[row["class"]].append(float(cv2.imread(str(study / row["path"]), 0).mean()))
    empty, loaded = np.array(gray[EMPTY]), np.array(gray[LOADED])
    auc = (loaded[:, None] < empty[None]).mean()
    assert 0.55 < auc < 0.93, "one number should tell something, but not all"


def test_planted_faults_are_in_the_files_and_on_the_list(tmp_path: Path) -> None:
    out = tmp_path / "study"
    faults = Faults(flip_labels=0.1, leak=2, damage=2, duplicates=2)
    truth = make_phantom(out, 30, "containers", seed=1, size=SIZE, faults=faults, workers=1).truth
    told = {row["path"]: row for row in rows(out / "truth.csv")}
    wrong = {path for path, row in told.items() if row["class"] != row["filed_under"]}
    assert wrong == {path for flip in truth["flipped"] for path in flip["paths"]}
    assert len(truth["flipped"]) == round(0.1 * truth["studies"])
    assert all(path.split("/")[1] == row["filed_under"] for path, row in told.items())
    for row in truth["leaked"]:
        assert len({t["part"] for t in told.values() if t["container"] == str(row["patient"])}) == 2
    damaged = {row["path"] for row in truth["damaged"]}
    assert len(damaged) == 2
    copies = [path for path, row in told.items() if row["container"] != row["same_as"]]
    assert {int(told[path]["container"]) for path in copies} == {
        row["patient"] for row in truth["duplicates"]
    }
    bytes_of = Counter((out / path).read_bytes() for path in told)
    assert all(bytes_of[(out / path).read_bytes()] == 2 for path in copies if path not in damaged)


def test_a_planted_shortcut_puts_a_lorry_under_one_class() -> None:
    plain, _ = plan_scans(400, 0, Faults())
    tied, _ = plan_scans(400, 0, Faults(shortcut=LOADED, shortcut_strength=0.9))
    for scans, low, high in ((plain, -0.15, 0.15), (tied, 0.8, 0.98)):
        lorry = [one.visit.lorry for one in scans]
        loaded = [one.visit.truth == LOADED for one in scans]
        assert low < np.corrcoef(lorry, loaded)[0, 1] < high
    with pytest.raises(DataError, match="did you mean 'not empty'"):
        plan_scans(10, 0, Faults(shortcut="not emty"))


def test_what_fits_patients_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="containers have no age"):
        make_phantom(tmp_path / "a", 10, "containers", faults=Faults(age_gap="Edema"))
    with pytest.raises(ConfigError, match="at least 2"):
        make_phantom(tmp_path / "a", 1, "containers")
    with pytest.raises(ConfigError, match="did you mean 'containers'"):
        make_phantom(tmp_path / "a", 9, "container")
    assert list(tmp_path.iterdir()) == []


def test_the_command_draws_and_the_doctor_knows_the_folder(hilum: Callable[..., Any], tmp_path: Path) -> None:
    done = hilum(
        "phantom",
        "--out",
        tmp_path / "c",
        "--layout",
        "containers",
        "--patients",
        12,
        "--size",
        SIZE,
        "--workers",
        1,
    )
    assert done.code == 0
    assert "of 12 containers" in done.out
    assert "truth.csv (goods)" in done.out
    checked = hilum("doctor", "folder", tmp_path / "c", "--option", f"patient_pattern={PATTERN}", "--json")
    assert checked.code in (0, 1)
    assert set(DRAW) == {*GOODS, *LEFTOVERS}
