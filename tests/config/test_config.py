"""Settings: complete on disk, checked when made, all faults told at once."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hilum.config import (
    Config,
    OptimizerConfig,
    dump_config,
    make_config,
    read_config,
    settings,
    write_config,
)
from hilum.errors import ConfigError

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


def test_written_file_is_complete_and_reads_back_equal(tmp_path: Path) -> None:
    config = make_config({"seed": 7, "data": {"findings": ["Edema"]}, "loss": {"positive_weight": [2.5]}})
    write_config(config, tmp_path / "config.toml")
    assert read_config(tmp_path / "config.toml") == config
    written = tomllib.loads((tmp_path / "config.toml").read_text())
    missing = [
        key
        for key in settings(config)
        if key.count(".") and key.split(".")[1] not in written[key.split(".")[0]]
    ]
    assert missing == ["augment.extra", "track.callbacks"]  # written where a plugin's part is named


@given(
    lr=st.floats(1e-9, 10),
    seed=st.integers(0, 2**31 - 1),
    name=st.text(max_size=30),
    findings=st.lists(st.text(min_size=1, max_size=20), max_size=4, unique=True),
)
def test_any_valid_config_survives_toml(lr: float, seed: int, name: str, findings: list[str]) -> None:
    config = make_config(
        {"name": name, "seed": seed, "optimizer": {"lr": lr}, "data": {"findings": findings}}
    )
    assert make_config(tomllib.loads(dump_config(config))) == config


def test_every_field_has_a_sentence() -> None:
    for name, section in Config.model_fields.items():
        fields = getattr(section.annotation, "model_fields", {name: section})
        for key, field in fields.items():
            assert field.description, f"{name}.{key} has no description"


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_recipes_are_valid_and_say_what_they_are(recipe: Path) -> None:
    config = read_config(recipe)
    assert config.name
    assert config.notes.strip()
    assert "easured on" not in config.notes, (
        "figures go under measured, which only runs on the same data show"
    )


@pytest.mark.parametrize("half", [{"measured": "AUC 0.9"}, {"measured_on": "1" * 64}])
def test_figures_name_the_table_that_they_are_of(half: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="measured and measured_on go together"):
        make_config(half)


def test_all_faults_are_told_at_once_with_the_nearest_known_name() -> None:
    values = {
        "optimiser": {"lr": 1.0},
        "train": {"epoch": 3, "batch": "many"},
        "split": {"valid": 0.9, "test": 0.3},
    }
    with pytest.raises(ConfigError) as caught:
        make_config(values, ["optimizer.lr=-1", "nonsense"], origin="my.toml")
    message = str(caught.value)
    assert message.startswith("my.toml cannot be used")
    assert "optimiser: unknown key in the top level; did you mean 'optimizer'?" in message
    assert "train.epoch: unknown key in [train]; did you mean 'epochs'?" in message
    assert "train.batch" in message
    assert "'many'" in message
    assert "leaves nothing to train on" in message
    assert "optimizer.lr" in message
    assert "--set nonsense" in message


def test_a_fault_in_a_union_is_told_once() -> None:
    with pytest.raises(ConfigError) as caught:
        make_config({"loss": {"positive_weight": "balancd"}})
    assert str(caught.value).count("loss.positive_weight") == 1


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("optimizer.lr=1e-4", "optimizer.lr", 1e-4),
        ("train.precision=bf16", "train.precision", "bf16"),
        ('data.findings=["Edema", "Fracture"]', "data.findings", ("Edema", "Fracture")),
        ("name=a b", "name", "a b"),
        ("split.keep_official=false", "split.keep_official", False),
    ],
)
def test_overrides(override: str, key: str, value: object) -> None:
    assert settings(make_config({}, [override]))[key] == value


@pytest.mark.parametrize(
    "values",
    [
        {"split": {"by": "file"}},
        {"split": {"folds": 3, "fold": 3}},
        {"sampling": {"kind": "class"}},
        {"data": {"findings": ["A", "B"]}, "loss": {"positive_weight": [1.0]}},
        {"optimizer": {"lr": float("nan")}},
    ],
)
def test_settings_that_contradict_each_other(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        make_config(values)


def test_a_file_that_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a file"):
        read_config(tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("lr = = 3")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_config(tmp_path / "bad.toml")
    with pytest.raises(ConfigError, match="seed is not a section"):
        make_config({"seed": 3}, ["seed.lr=3"])


def test_a_section_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        OptimizerConfig().lr = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("phantom-resnet", "did you mean 'phantom-resnet18', which comes with hilum"),
        ("qqq", "a recipe that comes with hilum: chexpert-"),
    ],
)
def test_a_recipe_that_is_not_there_names_the_nearest(name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is not a file; .*{said}"):
        read_config(name)


def test_a_configuration_that_is_not_there_names_the_one_beside_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("")
    with pytest.raises(ConfigError, match=f"did you mean '{tmp_path / 'mine.toml'}'"):
        read_config(tmp_path / "mien.toml")


def test_options_of_a_source_keep_their_types_and_are_written_and_read_back(tmp_path: Path) -> None:
    texts = ["data.options.positive=yes_it_is", "data.options.only_present=false", "data.options.n=3"]
    config = make_config({}, [*texts, 'data.options.keep=["a", "b"]'])
    assert config.data.options == {
        "positive": "yes_it_is",
        "only_present": False,
        "n": 3,
        "keep": ("a", "b"),
    }
    write_config(config, tmp_path / "config.toml")
    assert read_config(tmp_path / "config.toml") == config
    with pytest.raises(ConfigError, match=r"- data.options.keep: expected .*text, ") as caught:
        make_config({"data": {"options": {"keep": {"a": 1}}}})
    assert str(caught.value).count("data.options.keep") == 1
