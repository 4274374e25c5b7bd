"""An image has one vector, whichever way it is asked for: store, encoder, network of a run, exported model."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hilum.features import FeatureStore
from hilum.pixels import Pack, load_image
from hilum.predict import Encoder, load
from hilum.runs import Run

IMAGES = 6


@pytest.fixture(scope="module")
def pictures(study: Pack) -> np.ndarray:
    """Prepared from their files, as `hilum predict` does: uint8 [n, size, size]."""
    paths = study.table.frame["path"].head(IMAGES)
    return np.stack([load_image(study.table.root / path, study.prepare) for path in paths])


@pytest.fixture(scope="module")
def stored(store: FeatureStore, study: Pack) -> np.ndarray:
    """float32 [n, 2 w], avg and max side by side."""
    features = store.features()
    return features.vectors("both")[features.rows(study.table.image_ids[:IMAGES])]


def same(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * np.abs(other).max())


def test_of_the_encoder_by_image_files(backbone: Run, pictures: np.ndarray, stored: np.ndarray) -> None:
    vectors = Encoder.open(backbone.path, device="cpu", precision="fp32").vectors(pictures)
    assert np.ptp(stored, axis=0).max() > 0.1  # images differ
    same(np.concatenate(vectors, axis=1), stored)


@pytest.mark.parametrize("kind", ["logistic", "knn"])
def test_of_a_run_that_predicts_files(
    kind: str, found: Callable[[str], Run], pictures: np.ndarray, stored: np.ndarray
) -> None:
    run = found(kind)
    pooling, width = run.config.model.pooling, stored.shape[1] // 2
    wanted = {"avg": stored[:, :width], "max": stored[:, width:], "both": stored}[pooling]
    network = load(run, device="cpu").networks[0]
    mean, sd = network.normalisation.gray
    pixels = (torch.from_numpy(pictures).unsqueeze(1).float() / 255 - mean) / sd
    with torch.inference_mode():
        same(network.model.features(pixels).numpy(), wanted)


class Vectors(nn.Module):
    """What an export gives of a network: pixels 0 to 255 -> its vector, its logits."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        network = load(run, device="cpu").networks[0]
        self.net = network.model
        self.mean, self.sd = network.normalisation.gray

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """float32 [n, 1, s, s] -> [n, w], [n, k]."""
        normal = (pixels / 255 - self.mean) / self.sd
        return self.net.features(normal), self.net(normal)


def test_of_an_exported_model(
    found: Callable[[str], Run], pictures: np.ndarray, stored: np.ndarray, tmp_path: Path
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    run, file = found("logistic"), tmp_path / "vectors.onnx"
    pixels = pictures[:, None].astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about its own insides
        torch.onnx.export(Vectors(run).eval(), (torch.from_numpy(pixels),), file, dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    vectors, logits = session.run(None, {session.get_inputs()[0].name: pixels})

    width = stored.shape[1] // 2
    wanted = {"avg": stored[:, :width], "max": stored[:, width:], "both": stored}
    same(vectors, wanted[run.config.model.pooling])
    same(logits, load(run, device="cpu")(torch.from_numpy(pictures).unsqueeze(1) / 255).detach().numpy())
