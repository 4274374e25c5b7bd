"""A head that was fitted on stored vectors says the same on top of its backbone, to the last digits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from hilum import api
from hilum.config import HeadsConfig, ModelConfig, make_config
from hilum.errors import ConfigError
from hilum.features import FeatureStore
from hilum.heads.candidates import KINDS, POOLINGS, Candidate
from hilum.heads.solvers.fit import fit_heads
from hilum.heads.stacking.data import TrainingData
from hilum.heads.stacking.network import check_backbone, stack
from hilum.heads.stacking.settings import settings_of_run
from hilum.metrics import Predictions
from hilum.pixels import Pack
from hilum.predict import Encoder, load
from hilum.runs import Run
from hilum.train import make_job
from hilum.train.learner import Learner


@pytest.fixture(scope="module")
def encoder(backbone: Run) -> Encoder:
    return Encoder.open(backbone.path, device="cpu", precision="fp32")


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("kind", KINDS)
def test_the_stacked_network_says_what_the_head_says(
    kind: str, pooling: str, encoder: Encoder, store: FeatureStore, study: Pack, backbone: Run
) -> None:
    features = store.features()
    targets = study.table.targets(backbone.config.labels, scoring=True)
    order = features.rows(study.table.image_ids)
    vectors = {pooling: features.vectors(pooling)[order]}
    candidate = Candidate(kind, pooling, epochs=3, hidden=16, neighbours=7)  # type: ignore[arg-type]
    fitted = fit_heads([candidate], vectors, targets, device="cpu")[0]
    config = backbone.config.model.model_copy(update=candidate.model_settings)
    model = stack(encoder, config, fitted.parameters, 2)

    mean, sd = encoder.normalisation.gray
    pixels = torch.from_numpy(np.array(study.images(study.slots[:24]))).unsqueeze(1).float()
    with torch.inference_mode():
        of_images = model((pixels / 255 - mean) / sd).numpy()
    alone = fitted.logits(vectors[pooling][:24])

    assert np.ptp(alone, axis=0).min() > 0.01  # it says something
    np.testing.assert_allclose(of_images, alone, rtol=1e-4, atol=1e-4 * np.abs(alone).max())
    with torch.inference_mode():
        of_vectors = model.classifier(torch.from_numpy(vectors[pooling][:24])).numpy()
    np.testing.assert_allclose(of_vectors, alone, rtol=1e-4, atol=1e-4 * np.abs(alone).max())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_run_says_of_images_what_it_said_of_vectors(
    kind: str, found: Callable[[str], Run], study: Pack
) -> None:
    run = found(kind)
    kept = run.predictions("valid")
    ids = run.images.filter(part="valid")["image_id"]

    again = load(run, device="cpu").networks[0].part(study, ids, "valid")

    _same_logits(again, kept)
    assert run.config.model.classifier == {"knn": "knn", "mlp": "mlp"}.get(kind, "linear")
    np.testing.assert_array_equal(again.targets, kept.targets)


@pytest.mark.parametrize("kind", ["logistic", "mlp"])
def test_training_under_a_head_begins_exactly_where_it_was(
    kind: str, found: Callable[[str], Run], study: Pack
) -> None:
    run = found(kind)
    # Another normalisation, pooling and classifier in the recipe give way to the head's.
    recipe = {
        "data": {"path": str(study.path)},
        "prepare": run.data["prepare"],
        "model": {"name": "resnet18", "head": str(run.path), "normalise": "data", "pooling": "lse"},
        "train": {"precision": "fp32", "device": "cpu", "batch": 16},
    }
    job = make_job(make_config(recipe))
    begun = Learner(job).model.eval()
    network = load(run, device="cpu")
    mean, sd = job.normalisation.gray
    pixels = torch.from_numpy(np.array(study.images(study.slots[:16]))).unsqueeze(1).float()

    with torch.inference_mode():
        first = begun(((pixels / 255 - mean) / sd).to(memory_format=torch.channels_last)).numpy()

    images = torch.from_numpy(study.images(study.slots[:16])).unsqueeze(1)
    np.testing.assert_array_equal(first, network(images / 255).detach())


def test_weights_of_a_head_s_run_start_a_training_too(found: Callable[[str], Run], study: Pack) -> None:
    run = found("mlp")
    recipe = {
        "data": {"path": str(study.path)},
        "prepare": run.data["prepare"],
        "model": {"name": "resnet18", "weights": str(run.path)},
        "train": {"precision": "fp32", "device": "cpu"},
    }
    model = Learner(make_job(make_config(recipe))).model
    kept = load(run, device="cpu").model
    for name, value in kept.backbone.state_dict().items():
        assert torch.equal(model.backbone.state_dict()[name], value), name


def test_copies_of_an_image_are_looked_at_where_settings_ask_for_them(
    store: FeatureStore, study: Pack, heads_folder: object
) -> None:
    run = api.heads(
        store.url,
        findings=["Left"],
        kinds=["logistic"],
        search="random",
        candidates=1,
        folds=3,
        change=["predict.flip=true", "scores.replicates=100"],
        out=str(heads_folder),
        device="cpu",
    )
    flipped = run.predictions("valid")
    assert run.config.predict.flip
    ids = run.images.filter(part="valid")["image_id"]
    _same_logits(load(run, device="cpu").networks[0].part(study, ids, "valid"), flipped)


def test_a_network_with_a_pooling_of_its_own_takes_no_head(store: FeatureStore, study: Pack) -> None:
    from hilum.models import Normalisation, build_model

    config = ModelConfig(name="cnn")
    device = torch.device("cpu")
    model = build_model(config, 1, 32)
    encoder = Encoder("cnn", "file", model, config, Normalisation((0.5,), (0.2,)), device=device)
    features = store.features()
    settings = settings_of_run(HeadsConfig(data=str(study.path)), None, (), features.encoder)
    data = TrainingData.gather(settings, features, store=store.url)
    with pytest.raises(ConfigError, match="in a way of its own"):
        check_backbone(encoder, data)


def _same_logits(one: Predictions, other: Predictions) -> None:
    np.testing.assert_array_equal(one.image_ids, other.image_ids)
    size = np.abs(other.logits).max()
    np.testing.assert_allclose(one.logits, other.logits, rtol=1e-4, atol=1e-4 * size)
