"""Fine-tuning: what learns in which epoch, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_runs import weights_of, with_settings
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from hilum.config import Config, FinetuneConfig, ModelConfig, OptimizerConfig, make_config
from hilum.errors import ConfigError
from hilum.models import Classifier, build_model
from hilum.runs import Run
from hilum.train.finetune import Freezer, Stage, check_finetune
from hilum.train.optim import make_optimizer, set_rate
from hilum.train.session import train

DENSE3 = "features.denseblock3"


def network(**settings: object) -> Classifier:
    torch.manual_seed(0)
    return build_model(ModelConfig.model_validate({"name": "densenet-small", **settings}), 2, 32)


def learning(model: nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def loss_of(model: nn.Module) -> Tensor:
    made = torch.Generator().manual_seed(1)
    return model(torch.randn(4, 1, 32, 32, generator=made)).square().mean()


@pytest.fixture(scope="module")
def backbone(pack: object, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run whose weights others start from, on the left finding alone."""
    config = make_config(
        {
            "name": "backbone",
            "data": {"path": str(pack.path), "findings": ["Left"]},
            "prepare": {"size": 32},
            "model": {"name": "densenet-small"},
            "train": {"epochs": 2, "batch": 16, "precision": "fp32"},
        }
    )
    return train(config, folder=tmp_path_factory.mktemp("backbones"), quiet=True)


def tuned(config: Config, backbone: Run, *changes: str) -> Config:
    return with_settings(config, f"model.weights={backbone.path}", *changes)


@given(learn=st.sampled_from(["whole", "head", "staged"]), epochs=st.integers(2, 20), head=st.integers(1, 19))
def test_stages_are_a_partition_of_the_epochs(learn: str, epochs: int, head: int) -> None:
    config = FinetuneConfig.model_validate({"learn": learn, "head_epochs": min(head, epochs - 1)})
    covered = [
        e for stage in Stage.all(config, epochs) for e in range(stage.first, stage.first + stage.epochs)
    ]
    assert covered == list(range(epochs))
    for epoch in range(epochs):
        stage = Stage.of(config, epochs, epoch)
        assert stage.first <= epoch < stage.first + stage.epochs
        wanted = {"whole": True, "head": False, "staged": epoch >= config.head_epochs}
        assert stage.backbone == wanted[learn]


def test_what_learns_in_a_stage() -> None:
    model = network(pooling="attention")
    freezer = Freezer(model, FinetuneConfig(learn="staged", start_at=DENSE3))
    freezer.enter(Stage(0, 1, False))
    head = {name for name in dict(model.named_parameters()) if not name.startswith("backbone.")}
    assert learning(model) == head
    assert {name.split(".")[0] for name in head} == {"pool", "classifier"}
    freezer.enter(Stage(1, 1, True))
    after = {f"backbone.features.{name}" for name in ("denseblock3", "norm5")}
    assert {".".join(name.split(".")[:3]) for name in learning(model) - head} == after


def test_names_of_blocks_within_blocks() -> None:
    model = build_model(ModelConfig(name="resnet18"), 1, 32)
    Freezer(model, FinetuneConfig(start_at="layer4.1"))
    assert {name.rsplit(".", 2)[0] for name in learning(model.backbone)} == {"layer4.1"}
    model = build_model(ModelConfig(name="resnet18"), 1, 32)
    Freezer(model, FinetuneConfig(start_at=next(iter(model.blocks()))))
    assert learning(model) == set(dict(model.named_parameters()))


def test_weights_that_never_learn_stay_so() -> None:
    model = network()
    model.backbone.features.conv0.weight.requires_grad_(False)
    freezer = Freezer(model, FinetuneConfig(learn="staged"))
    freezer.enter(Stage(0, 1, False))
    freezer.enter(Stage(1, 1, True))
    frozen = set(dict(model.named_parameters())) - learning(model)
    assert frozen == {"backbone.features.conv0.weight"}


def test_frozen_blocks_are_in_evaluation_mode_and_no_gradient_reaches_them() -> None:
    model = network(dropout=0.5)
    freezer = Freezer(model, FinetuneConfig(learn="staged", start_at=DENSE3))
    freezer.enter(Stage(1, 1, True))
    known = model.blocks()
    names = list(known)
    for name in names[: names.index(DENSE3)]:
        assert not any(module.training for module in known[name].modules())
    for name in names[names.index(DENSE3) :]:
        assert all(module.training for module in known[name].modules())
    assert model.dropout.training
    below = known["features.transition2"]
    seen: list[Tensor] = []
    below.register_forward_hook(lambda *call: seen.append(call[2]))
    loss_of(model).backward()
    assert not seen[0].requires_grad
    assert all((p.grad is None) == (not p.requires_grad) for p in model.parameters())


def test_batch_norm_of_blocks_that_learn_can_keep_its_statistics() -> None:
    model = network()
    freezer = Freezer(model, FinetuneConfig(batch_norm="frozen"))
    freezer.enter(Stage(0, 1, True))
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert all(norm.weight.requires_grad for norm in norms)
    before = {key: value.clone() for key, value in model.named_buffers()}
    loss_of(model).backward()
    assert all(torch.equal(value, before[key]) for key, value in model.named_buffers())


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd"])
def test_a_backbone_at_a_tenth_of_the_rate_moves_as_if_it_were_the_rate(kind: str) -> None:
    """Against the same optimizer at that rate: which of the two moves a weight is the multiple's to say."""
    made = []
    for lr, times in ((0.1, 0.1), (0.01, 1.0), (0.1, 1.0)):
        model = network().eval()
        config = OptimizerConfig.model_validate({"kind": kind, "lr": lr, "weight_decay": 0.1})
        multiples = Freezer(model, FinetuneConfig(backbone_lr=times)).multiples()
        optimizer = make_optimizer(config, model, multiples)
        model.eval()
        for schedule in (1.0, 0.5):
            set_rate(optimizer, lr * schedule)
            # One gradient for all three: only the step differs.
            for index, parameter in enumerate(model.parameters()):
                noise = torch.Generator().manual_seed(index)
                parameter.grad = torch.randn(parameter.shape, generator=noise)
            optimizer.step()
        made.append(model.state_dict())
    both, slow, fast = made
    for name, value in both.items():
        torch.testing.assert_close(value, (slow if name.startswith("backbone.") else fast)[name], msg=name)
    assert not torch.equal(slow["classifier.weight"], fast["classifier.weight"])


def test_defaults_have_the_groups_that_they_always_had() -> None:
    model = network()
    groups = make_optimizer(
        OptimizerConfig(), model, Freezer(model, FinetuneConfig()).multiples()
    ).param_groups
    assert [group["weight_decay"] for group in groups] == [0.01, 0.0]
    groups = make_optimizer(
        OptimizerConfig(), model, Freezer(model, FinetuneConfig(backbone_lr=0.1)).multiples()
    ).param_groups
    assert [(g["multiple"], g["weight_decay"]) for g in groups] == [(0.1, 0.01), (0.1, 0), (1, 0.01), (1, 0)]


@pytest.mark.parametrize(
    ("changes", "learned"),
    [
        (["finetune.learn=head", "train.ema=0.9", "optimizer.weight_decay=0.5"], ("classifier.",)),
        (
            [f"finetune.start_at={DENSE3}", "optimizer.kind=sgd", "train.clip=1.0", "optimizer.weight_decay=0.1"],
            ("classifier.", f"backbone.{DENSE3}", "backbone.features.norm5"),
        ),
        (["finetune.learn=head", "model.pooling=attention", "optimizer.kind=adam"], ("classifier.", "pool.")),
    ],
    ids=["head-ema", "from-a-block-sgd-clip", "head-attention-adam"],
)  # fmt: skip
def test_what_is_frozen_is_the_same_to_the_bit(
    config: Config, backbone: Run, tmp_path: Path, changes: list[str], learned: tuple[str, ...]
) -> None:
    run = train(
        tuned(config, backbone, *changes, "model.dropout=0.3", "train.epochs=2"), folder=tmp_path, quiet=True
    )
    before = weights_of(backbone.path / "checkpoints" / "best.safetensors")
    for name in ("best", "last"):
        after = weights_of(run.path / "checkpoints" / f"{name}.safetensors")
        after = {key.removeprefix("model."): value for key, value in after.items()}
        for key, value in before.items():
            same = np.array_equal(value, after[key])
            assert same or key.startswith(learned), key
            moves = not key.endswith(("num_batches_tracked", "running_mean", "running_var", "norm1.weight"))
            assert not same or not key.startswith(learned) or not moves, key


def test_a_stage_has_a_schedule_of_its_own(config: Config, backbone: Run, tmp_path: Path) -> None:
    changes = [
        "finetune.learn=staged", "finetune.head_epochs=2", "finetune.backbone_lr=0.5", "train.epochs=4",
        "schedule.kind=step", "schedule.factor=0.1", "optimizer.lr=1e-3",
    ]  # fmt: skip
    run = train(tuned(config, backbone, *changes), folder=tmp_path, quiet=True)
    assert [entry["lr"] for entry in run.history] == pytest.approx([1e-3, 1e-4, 1e-3, 1e-4])


def test_settings_that_leave_nothing_to_learn_are_refused_before_data_are_read(
    config: Config, tmp_path: Path
) -> None:
    wrong = {
        "finetune.learn=head": "at random",
        "finetune.learn=staged": "at random",
        f"finetune.start_at={DENSE3}": "at random",
        "finetune.batch_norm=frozen": "model.weights=RUN",
        "model.classifier=knn": "nothing to learn",
    }
    for change, said in wrong.items():
        with pytest.raises(ConfigError, match=said):
            train(with_settings(config, change, "data.path=nowhere"), folder=tmp_path / "runs", quiet=True)
    with pytest.raises(ConfigError, match="leaves none for the backbone"):
        with_settings(config, "finetune.learn=staged", "finetune.head_epochs=3")
    with pytest.raises(ConfigError, match="freezes all"):
        with_settings(config, "finetune.learn=head", f"finetune.start_at={DENSE3}")
    assert not (tmp_path / "runs").exists()


def test_an_unknown_block_names_the_nearest_and_all(config: Config) -> None:
    config = with_settings(config, "model.weights=some.safetensors", "model.name=resnet18")
    check_finetune(with_settings(config, "finetune.start_at=layer4.1"))
    with pytest.raises(ConfigError) as caught:
        check_finetune(with_settings(config, "finetune.start_at=layr4"))
    assert "did you mean 'layer4'" in str(caught.value)
    assert "conv1, bn1, layer1 (layer1.0 to layer1.1), layer2" in str(caught.value)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_compiled_model_goes_from_stage_to_stage(config: Config, backbone: Run, tmp_path: Path) -> None:
    config = tuned(config, backbone, "finetune.learn=staged", "model.dropout=0.0", "train.epochs=2")
    plain, compiled = (
        train(with_settings(config, f"train.compile={on}"), folder=tmp_path, quiet=True)
        for on in ("false", "true")
    )
    for one, two in zip(plain.history, compiled.history, strict=True):
        assert one["train"]["loss"] == pytest.approx(two["train"]["loss"], rel=0.02)
