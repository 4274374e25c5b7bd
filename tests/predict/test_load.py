"""`hilum.load`: a run as a torch module, with the numbers of `hilum predict`."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch

import hilum
from hilum.errors import ImageError, RunError
from hilum.pixels import Pack
from hilum.runs import Run


@pytest.fixture(scope="module")
def paths(pack: Pack) -> list[Path]:
    return [pack.table.root / path for path in pack.table.frame["path"].head(5)]


@pytest.mark.parametrize("which", ["run", "ensemble"])
def test_a_loaded_run_says_what_predict_says(
    which: str, paths: list[Path], request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(which)
    model = hilum.load(made.path if isinstance(made, Run) else str(made), device="cpu")
    assert isinstance(model, torch.nn.Module)
    assert not any(module.training for module in model.modules())
    images = torch.stack([model.prepare(path) for path in paths])
    assert (images.dtype, images.shape) == (torch.float32, (5, 1, 32, 32))
    assert 0 <= float(images.min()) < 0.5 < float(images.max()) <= 1
    logits = model(images)
    assert logits.shape == (5, len(model.findings))
    said = hilum.api.predict(made, paths, device="cpu")
    assert said.findings == model.findings
    expected = np.stack([image.probabilities for image in said.images])
    np.testing.assert_array_equal(model.probabilities(images), expected)
    assert np.ptp(expected[:, 0]) > 1e-4


def test_gradients_reach_the_pixels(run: Run, paths: list[Path]) -> None:
    model = hilum.load(run, device="cpu")
    image = model.prepare(paths[0]).unsqueeze(0).requires_grad_()
    model(image)[0, 0].backward()
    assert image.grad is not None
    assert float(image.grad.abs().sum()) > 0


def test_pixels_are_prepared_as_the_file_that_holds_them(run: Run, tmp_path: Path) -> None:
    model = hilum.load(run, device="cpu")
    rng = np.random.default_rng(0)
    gray = rng.integers(0, 256, (50, 40), np.uint8)
    colour = rng.integers(0, 256, (50, 40, 3), np.uint8)
    assert cv2.imwrite(str(tmp_path / "gray.png"), gray)
    assert cv2.imwrite(str(tmp_path / "colour.png"), colour[..., ::-1])
    torch.testing.assert_close(model.prepare(gray), model.prepare(tmp_path / "gray.png"), rtol=0, atol=0)
    torch.testing.assert_close(model.prepare(gray / 255), model.prepare(gray), rtol=0, atol=0)
    torch.testing.assert_close(model.prepare(torch.from_numpy(gray)), model.prepare(gray))
    torch.testing.assert_close(
        model.prepare(colour), model.prepare(str(tmp_path / "colour.png")), rtol=0, atol=1 / 255 + 1e-6
    )


@pytest.mark.parametrize(
    ("pixels", "came"),
    [
        (np.zeros((4, 5), np.int16), r"int16 \[4, 5\] of 0 to 0"),
        (np.full((4, 5), 3.0), r"float64 \[4, 5\] of 3 to 3"),
        (np.full((4, 5), np.nan), r"float64 \[4, 5\] of nan"),
        (np.zeros((1, 4, 5), np.uint8), r"uint8 \[1, 4, 5\]"),
        (np.zeros((0, 5), np.uint8), r"uint8 \[0, 5\]"),
        (None, r"object \[\]"),
        (b"no pixels", r"S9 \[\]"),
    ],
)
def test_pixels_of_another_kind_are_refused(run: Run, pixels: npt.ArrayLike, came: str) -> None:
    with pytest.raises(ImageError, match=f"uint8, or floats of 0 to 1.*{came}"):
        hilum.load(run, device="cpu").prepare(pixels)


@pytest.mark.parametrize("which", ["run", "ensemble"])
def test_training_mode_of_a_user_changes_no_prediction(
    which: str, request: pytest.FixtureRequest, paths: list[Path], pack: Pack
) -> None:
    model = hilum.load(request.getfixturevalue(which), device="cpu")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.stack([model.prepare(path) for path in paths])
    asked = [*paths, pack.path]
    calm = [one.probabilities for one in model.predict(asked, force=True).images]
    assert not any(part.training for part in model.modules())
    torch.testing.assert_close(model(images), model(images), rtol=0, atol=0)
    quiet = model.probabilities(images)
    model.train()
    np.testing.assert_array_equal(
        [one.probabilities for one in model.predict(asked, force=True).images], calm
    )
    torch.testing.assert_close(model.probabilities(images), quiet, rtol=0, atol=0)
    assert all(part.training for part in model.modules())
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 3, 32, 32), (2, 32, 32, 1)])
def test_images_of_another_shape_are_refused_by_it(run: Run, shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match=re.escape(f"came: float32 {list(shape)}")):
        hilum.load(run, device="cpu")(torch.zeros(shape))


def test_images_of_whole_numbers_are_refused_and_doubles_are_taken(run: Run) -> None:
    model, images = hilum.load(run, device="cpu"), torch.full((1, 1, 32, 32), 0.5)
    with pytest.raises(ImageError, match=r"floats of 0 to 1.*came: uint8"):
        model((images * 255).to(torch.uint8))
    torch.testing.assert_close(model(images.double()), model(images), rtol=0, atol=0)


def test_members_that_prepare_images_differently_take_files_alone(ensemble: Path, tmp_path: Path) -> None:
    folder = tmp_path / "both"
    shutil.copytree(ensemble.parent, folder)
    other = folder / "other" / "data.json"
    other.write_text(other.read_text().replace('"size": 32', '"size": 48'))
    shutil.copytree(Run(ensemble).members[0].path, folder / "small-1", dirs_exist_ok=True)
    members = folder / "both" / "run.json"
    members.write_text(members.read_text().replace(Run(ensemble).info["members"][0]["run"], "../small-1"))
    model = hilum.load(folder / "both", device="cpu")
    with pytest.raises(RunError, match="prepare images differently"):
        model.prepare(np.zeros((4, 4), np.uint8))
    with pytest.raises(RunError, match="prepare images differently"):
        model(torch.zeros(1, 1, 32, 32))


def test_what_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run's folder"):
        hilum.load(tmp_path)
