"""A knob is declared once: the command's option and the Python function's argument are made of it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from hilum import api
from hilum.cli import main
from hilum.cli.app import COMMANDS, make_app
from hilum.cli.options import spelled, with_options
from hilum.cli.renamed import BY_PLACE, RENAMED, renamed
from hilum.config import COMMANDS as SECTIONS
from hilum.config import Section, find_settings, knobs, with_fields

Hilum = Callable[..., tuple[int, str, str]]
NAMES = [one.__name__.replace("_", "-") for of in COMMANDS.values() for one in of if inspect.isfunction(one)]
CALLED = {"change": "--set", "options": "--option", "asked": "section"}
"""Arguments of functions that are called otherwise on the command line."""
SHOWN = {"--help", "--json", "--open", "--all"}
"""Options of how a command shows what it found."""
OF_A_RUN = {"prepare", "filters", "limits", "--recipe", "--set"} | {
    f"--{name}" for name in ("fit", "clahe", "size", "view", "projection", "part")
}
"""Sections of a run in Python; single settings of them, a recipe, and `--set` on the command line."""
ELSEWHERE = {
    "train": {"--resume"},
    "compare": {"--settings"},
    "noise": {"candidate"},
    "doctor": OF_A_RUN - {"--size"},
    "pack": OF_A_RUN,
    "arrange": OF_A_RUN,
}
"""What one of the two has alone: another function, or an object that no word stands for."""


def options(name: str) -> dict[str, Any]:
    """Name -> option or argument of a command, as typer has it."""
    params = typer.main.get_command(make_app(name)).commands[name].params  # type: ignore[attr-defined]
    shown = [one for one in params if not getattr(one, "hidden", False)]
    return {one.opts[0] if one.opts[0].startswith("-") else one.name: one for one in shown}


def in_words(name: str) -> set[str]:
    """The arguments of the Python function of a command, as the command line calls them."""
    function = api.repeat if name == "train" else getattr(api, name.replace("-", "_"))
    by_name = {one.name: one for section in SECTIONS.values() for one in knobs(section)}
    several = {one: spelled(by_name[one]) for one in by_name if by_name[one].several}
    names = [one for one in inspect.signature(function).parameters if one not in ("settings", "command")]
    return {CALLED.get(one) or several.get(one) or one for one in names}


@pytest.mark.parametrize("name", [one for one in NAMES if one.replace("-", "_") in api.__all__])
def test_a_command_and_its_function_take_the_same(name: str) -> None:
    own = {one.removeprefix("--").replace("-", "_") for one in options(name) if one not in SHOWN}
    theirs = {one.removeprefix("--").replace("-", "_") for one in in_words(name)}
    alone = {one.removeprefix("--") for one in ELSEWHERE.get(name, ())}
    assert own - alone == theirs - alone


@pytest.mark.parametrize(("name", "section"), SECTIONS.items())
def test_every_setting_of_a_command_is_an_option_with_its_sentence_and_default(
    name: str, section: type[Section]
) -> None:
    command = {"augment_pack": "augment", "predict_files": "predict"}.get(name, name)
    made = options(command)
    for knob in knobs(section):
        shown = made[spelled(knob)]
        assert knob.sentence in shown.help
        if knob.default not in (None, "", False, ()):
            assert str(knob.default[0] if knob.several else knob.default) in shown.help


class Cooked(Section):
    """What is cooked."""

    spice: float = 0.5
    """How much pepper."""
    dishes: tuple[str, ...] = ()
    """What is on the table."""


def cook(pot: str, settings: Cooked, *, out: str = "") -> tuple[Any, ...]:
    """Cook.

    Args:
        pot: in which.
        settings: how.
        out: where to.
    """
    return pot, settings, out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train", "phantom-resnet18", "--data", "A", "--set", "data.path=B"],
            "data.path: given twice, as B and",
        ),
        (
            ["train", "phantom-resnet18", "--labels", "x", "--set", "labels.overlay=y"],
            "labels.overlay: given twice",
        ),
        (["train", "phantom-resnet18", "--name", "x", "--set", "name=y"], "name: given twice"),
        (
            ["train", "phantom-resnet18", "--option", "a=1", "--set", "data.options.a=2"],
            "data.options.a: given twice, as 2 and as 1",
        ),
        (
            ["pack", "folder", "X", "--out", "P", "--size", "64", "--set", "prepare.size=32"],
            "prepare.size: given twice, as 32 and as 64",
        ),
    ],
)
def test_an_option_and_a_setting_that_say_otherwise_are_refused(
    words: list[str], said: str, hilum: Hilum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = hilum(*words)
    assert code == 2
    assert said in err
    assert not list(tmp_path.iterdir())


def test_an_option_and_a_setting_that_say_the_same_go_together(hilum: Hilum) -> None:
    code, _, err = hilum(
        "pack", "folder", "nowhere", "--out", "P", "--size", "64", "--set", "prepare.size=64"
    )
    assert code == 2
    assert "given twice" not in err
    assert "nowhere" in err


def test_a_new_knob_is_one_line_of_its_section() -> None:
    function, command = with_fields(cook), with_options(cook)
    assert str(inspect.signature(function)).startswith(
        "(pot: str, spice: float = 0.5, dishes: tuple[str, ...] = (), *, out: str = '', settings:"
    )
    assert "        spice: How much pepper.\n        dishes: What is on the table.\n" in str(function.__doc__)
    assert function("p", 0.1, ["soup"]) == ("p", Cooked(spice=0.1, dishes=("soup",)), "")
    assert function("p", settings=Cooked(spice=0.2), dishes="rice", out="o") == (
        "p", Cooked(spice=0.2, dishes=("rice",)), "o",
    )  # fmt: skip
    assert list(inspect.signature(command).parameters) == ["pot", "spice", "dishes", "out"]
    assert command(pot="p", spice="0.3", dishes=["a", "b"], out="") == (
        "p", Cooked(spice=0.3, dishes=("a", "b")), "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["noise", "store", "--folds", "x"], "--folds: expected whole number (at least 2); came: 'x'"),
        (["noise", "store", "--threshold", "0.5"], "--threshold: expected number (above 0.5 to below 1)"),
        (["noise", "store", "--blank", "zero"], "came: 'zero'; did you mean 'zeros'?"),
        (["heads", "store", "--kind", "logistik"], "--kind: expected list of words (logistic, svm, knn, mlp)"),
        (["ensemble", "a", "b", "--out", "c", "--weights", "2,x"], "--weights: expected list of numbers"),
        (["pack", "csv", ".", "out", "--size", "8"], "prepare.size: expected whole number ("),
        (["train", "phantom-resnet18", "--set", "lr=1e-3"], "did you mean optimizer.lr?"),
        (["train", "phantom-resnet18", "--set", "optimizer.momentom=1"], "did you mean 'momentum'?"),
        (["train", "phantom-resnet18", "--set", "folds=1"], "did you mean split.folds?"),
        (["train", "phantom-resnet18", "--set", "noise.folds=3"], "see `hilum settings noise`"),
        (["settings", "optimiser"], "did you mean 'optimizer'?"),
        (["settings", "optimizer.l"], "did you mean 'optimizer.lr'?"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_told_by_its_field(words: list[str], said: str, hilum: Hilum) -> None:
    code, out, err = hilum(*words)
    assert (code, out) == (2, "")
    assert said in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "--foo"], "hilum: No such option: --foo"),
        (["runs", "show"], "hilum: Missing argument 'run'. `hilum runs show --help` shows what it takes.\n"),
        (["nosuch"], "hilum: No such command 'nosuch'. `hilum --help` shows what it takes.\n"),
        (["train", "--repeats", "x"], "hilum: Invalid value for '--repeats'"),
    ],
)
def test_wrong_usage_is_one_line(words: list[str], said: str, hilum: Hilum) -> None:
    code, out, err = hilum(*words)
    assert (code, out) == (2, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "former", "today"),
    [(command, *names) for command, of in RENAMED.items() for names in of.items()],
)
def test_a_former_name_works_for_a_release_and_says_the_new_one(
    command: str, former: str, today: str, capfd: pytest.CaptureFixture[str]
) -> None:
    of = [command] if command else [name for name in NAMES if today in options(name)]
    assert of
    for name in of:
        if name != "runs":
            assert today in options(name)
            assert former not in options(name)
    assert renamed([of[0], former, "x", f"{former}=y"]) == [of[0], today, "x", f"{today}=y"]
    assert capfd.readouterr().err.count(f"hilum: {former} is called {today} now") == 2


@pytest.mark.parametrize("name", BY_PLACE)
def test_what_is_written_may_be_named_by_its_place_for_a_release(
    name: str, hilum: Hilum, tmp_path: Path
) -> None:
    words = {"phantom": [], "augment": [tmp_path / "none"]}.get(name, ["csv", tmp_path / "none"])
    told = "named by --out now"
    few = ["--patients", "0"] if name == "phantom" else []
    by_place, by_name = (
        hilum(name, *words, tmp_path / "out", *few),
        hilum(name, *words, "--out", tmp_path / "out", *few),
    )
    assert (by_place[0], by_name[0]) == (2, 2)
    assert told in by_place[2]
    assert told not in by_name[2]
    assert by_place[2].splitlines()[-1] == by_name[2].splitlines()[-1]
    assert "--out is missing" in hilum(name, *words)[2]


def test_settings_are_shown_with_what_they_may_be(hilum: Hilum) -> None:
    code, out, _ = hilum("settings", "optimizer")
    assert code == 0
    assert "[optimizer] How weights move." in out
    assert "optimizer.lr = 0.001   number (above 0)\n    Peak learning rate.\n" in out
    assert "train.epochs" not in out
    whole = hilum("settings")[1]
    assert [key for key in find_settings() if f"\n{key} = " not in whole] == []
    found = json.loads(hilum("settings", "noise.threshold", "--json")[1])
    assert found == [
        {
            "setting": "noise.threshold",
            "name": "threshold",
            "kind": "number",
            "allowed": "above 0.5 to below 1",
            "default": 0.9,
            "sentence": "An error is confident from this probability of the other label on.",
            "several": False,
        }
    ]


def test_recipes_are_listed_with_what_they_scored(hilum: Hilum) -> None:
    code, out, _ = hilum("recipes")
    found = json.loads(hilum("recipes", "--json")[1])
    assert code == 0
    files = {path.stem for path in (Path(__file__).parents[2] / "recipes").glob("*.toml")}
    assert {one["name"] for one in found} == files
    for one in found:
        assert one["name"] in out
        assert one["what"].endswith(".")
        assert bool(one["told"]) == bool(one["measured"]) == bool(one["time"])
        assert one["told"] is None or (one["measured"] in one["told"] and one["time"] in one["told"])
    assert sum(bool(one["measured"]) for one in found) > 3


def test_help_is_light() -> None:
    import subprocess
    import sys

    heavy = {"torch", "polars", "numpy", "pydantic"}
    code = f"import sys; from hilum.cli import main; main(['--help']); print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("set()")


def test_no_command_shows_the_help(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Usage: hilum" in capfd.readouterr().out
