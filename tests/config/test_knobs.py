"""What is shown of a setting is made of its field, and so is what is said where it is wrong."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import Field

from hilum.config import (
    COMMANDS,
    SECTIONS,
    Config,
    NoiseConfig,
    Section,
    dump_config,
    find_settings,
    knobs,
    make_config,
    make_section,
)
from hilum.errors import ConfigError


class Every(Section):
    """One of each kind."""

    switch: bool = False
    """A switch."""
    count: Annotated[int, Field(ge=1)] | None = None
    """A count."""
    share: Annotated[float, Field(gt=0, le=0.5)] = 0.1
    """A share."""
    below: Annotated[float, Field(lt=3)] = 0.1
    """No more than three."""
    word: Literal["one", "two"] = "one"
    """A word."""
    side: Literal[1, 3] = 1
    """A number of some."""
    words: tuple[Literal["left", "right"], ...] = ()
    """Several words."""
    mixed: Literal["none"] | tuple[Annotated[float, Field(ge=0)], ...] = "none"
    """This or that."""
    table: dict[str, int | str] = Field(default_factory=dict)
    """A table."""


@pytest.mark.parametrize(
    ("name", "kind", "allowed"),
    [
        ("switch", "true or false", ""),
        ("count", "whole number", "at least 1"),
        ("share", "number", "above 0 to 0.5"),
        ("below", "number", "below 3"),
        ("word", "word", "one, two"),
        ("side", "whole number", "1, 3"),
        ("words", "list of words", "left, right"),
        ("mixed", "word or list of numbers", "none; at least 0"),
        ("table", "table of: whole number, text", ""),
    ],
)
def test_a_field_in_words(name: str, kind: str, allowed: str) -> None:
    found = {one.name: one for one in knobs(Every)}[name]
    assert (found.kind, found.allowed) == (kind, allowed)
    assert found.default == getattr(Every(), name)
    assert found.sentence == Every.model_fields[name].description
    assert found.several == (name == "words")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("switch", "perhaps", "switch: expected true or false; came: 'perhaps'"),
        ("count", 0, "count: expected whole number (at least 1); came: 0"),
        ("share", 0.6, "share: expected number (above 0 to 0.5); came: 0.6"),
        ("share", float("nan"), "share: expected number (above 0 to 0.5); came: nan"),
        ("word", "tvo", "word: expected word (one, two); came: 'tvo'; did you mean 'two'?"),
        ("words", ["rigth"], "words: expected list of words (left, right); came: 'rigth'; did you mean 'right'?"),
        ("mixed", [-1], "mixed: expected word or list of numbers (none; at least 0); came: "),
        ("table", {"a": [1]}, "table.a: expected whole number, text; came: [1]"),
        ("wrod", "one", "wrod: unknown key in the top level; did you mean 'word'?"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_what_was_expected(name: str, value: object, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_section(Every, {name: value})
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_several_faults_are_told_at_once_by_their_names_there() -> None:
    with pytest.raises(ConfigError) as caught:
        make_section(Every, {"count": 0, "side": 2}, "hilum x", spell=lambda name: f"--{name}")
    assert str(caught.value) == (
        "hilum x: what is given cannot be used:\n  - --count: expected whole number (at least 1); came: 0"
        "\n  - --side: expected whole number (1, 3); came: 2"
    )


@pytest.mark.parametrize("name", SECTIONS)
def test_every_setting_has_a_kind_and_a_sentence_that_ends(name: str) -> None:
    assert SECTIONS[name].__doc__
    for one in knobs(SECTIONS[name]):
        assert one.kind
        assert one.sentence.endswith("."), f"{name}.{one.name}"


def test_sections_of_commands_are_not_of_a_run() -> None:
    text = dump_config(Config())
    for name in COMMANDS:
        assert f"[{name}]" not in text
        with pytest.raises(ConfigError, match=f"see `hilum settings {name}`"):
            make_config({name: {}})


@pytest.mark.parametrize("key", sorted(key for key in find_settings() if "." in key))
def test_a_key_without_its_section_names_it(key: str) -> None:
    section, last = key.split(".")
    if section in COMMANDS or last in Config.model_fields:
        return
    with pytest.raises(ConfigError) as caught:
        make_config({}, [f"{last}=1"])
    assert key in str(caught.value)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("lr", "lr: unknown key in the top level; did you mean optimizer.lr?"),
        ("learning_rate", "unknown key in the top level; did you mean optimizer.lr?"),
        ("train.learning-rate", "unknown key in [train]; did you mean optimizer.lr?"),
        ("optimizer.learning_rate", "unknown key in [optimizer]; did you mean 'lr'?"),
        ("train.weight-decay", "unknown key in [train]; did you mean optimizer.weight_decay?"),
        ("train.num-epochs", "unknown key in [train]; did you mean 'epochs'?"),
        ("batch_size", "unknown key in the top level; did you mean train.batch?"),
        ("optimiser.lr", "optimiser: unknown key in the top level; did you mean 'optimizer'?"),
    ],
)
def test_a_key_as_other_tools_spell_it_names_ours(key: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_config({}, [f"{key}=1"])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("lr", "optimizer.lr?"),
        ("learning-rate", "optimizer.lr?"),
        ("train.lr", "optimizer.lr?"),
        ("epochs", "train.epochs?"),
        ("optimzer", "'optimizer'?"),
        ("train.epoch", "'train.epochs'?"),
    ],
)
def test_a_setting_asked_for_without_its_section_is_named(asked: str, said: str) -> None:
    with pytest.raises(ConfigError, match="did you mean") as caught:
        find_settings(asked)
    assert str(caught.value).endswith(said)


def test_an_option_may_not_say_otherwise_than_a_change_of_which_the_last_wins() -> None:
    changes = ["optimizer.lr=0.1", "optimizer.lr = 0.2"]
    assert make_config({}, changes).optimizer.lr == 0.2
    assert make_config({}, changes, options=["optimizer.lr=2e-1"]).optimizer.lr == 0.2
    with pytest.raises(ConfigError, match=r"optimizer\.lr: given twice, as 0.2 and as 0.3; say which, once"):
        make_config({}, changes, options=["optimizer.lr=0.3"])


def test_settings_are_found_by_section_and_by_name() -> None:
    assert set(find_settings("noise")) == {f"noise.{name}" for name in NoiseConfig.model_fields}
    assert list(find_settings("optimizer.lr")) == ["optimizer.lr"]
    assert set(find_settings("seed")) == {"seed"}
    assert len(find_settings()) > 150
    with pytest.raises(ConfigError, match="there is no section or setting 'nosie'; did you mean 'noise'"):
        find_settings("nosie")
