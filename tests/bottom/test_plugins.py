"""What a plugin may be, and one clear message for whatever else it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hilum.errors import ConfigError
from hilum.plugins import chosen, in_use, parts, using

GOOD = "LOSSES = {'mine': lambda logits, targets: logits}"


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "mine.py") -> Path:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_parts_are_known_within_the_block_alone(plugin: Callable[..., Path]) -> None:
    with using(plugin(GOOD)) as (found,):
        assert list(parts("LOSSES")) == ["mine"]
        assert parts("MODELS") == {}
        with using([plugin("MODELS = {'net': print}", "other.py"), plugin(GOOD)]):
            assert [used.name for used in in_use()] == ["mine", "other"]
    assert (found.name, found.given, found.text) == ("mine", "mine.py", GOOD)
    assert in_use() == ()
    assert parts("LOSSES") == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (", r"line 1: SyntaxError: '\(' was never closed"),
        ("\nimport nowhere_at_all", "line 2: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def f():\n    1 / 0\nf()", "line 2: ZeroDivisionError"),
        ("x = 1", "gives nothing. Expected dicts called MODELS,"),
        ("MODEL = {'a': print}", "MODEL is nothing that a plugin has; did you mean 'MODELS'?"),
        ("LOSSES = [print]", "LOSSES is a list; expected a dict"),
        ("LOSSES = {'a b': print}", "LOSSES has 'a b'; a name is of letters"),
        ("LOSSES = {'a': 3}", r"LOSSES\['a'\] is a int; expected loss\(logits, targets\)"),
        ("MODELS = {'a': (print, 3)}", r"MODELS\['a'\] is a tuple; expected build"),
        ("SCORES = {'a': print}", r"SCORES\['a'\] is a builtin_function_or_method; expected \(score"),
        ("AUGMENTATIONS = {'a': print}", r"expected \(draw"),
        ("BACKBONES = {'a': print}", r"expected build\(channels, size\) -> network with weights"),
    ],
)
def test_what_is_no_plugin(plugin: Callable[..., Path], text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said), using(plugin(text)):
        pass


def test_what_is_not_there(tmp_path: Path, plugin: Callable[..., Path]) -> None:
    near = plugin(GOOD)
    for named, said in (
        (tmp_path / "mime.py", f"No such file or directory. Did you mean {near}"),
        ("no_such_module", "no installed module, and no entry point of hilum.plugins"),
        ("json.nowhere", "no installed module"),
        ("json", "gives nothing"),
    ):
        with pytest.raises(ConfigError, match=said), using([named]):
            pass


def test_names_that_clash(plugin: Callable[..., Path]) -> None:
    first, second = plugin(GOOD), plugin(GOOD, "yours.py")
    with (
        pytest.raises(ConfigError, match="plugins mine and yours both have 'mine' in LOSSES"),
        using([first, second]),
    ):
        pass
    with (
        pytest.raises(ConfigError, match="are both called mine"),
        using([first, plugin(GOOD, "sub/mine.py")]),
    ):
        pass
    with using([first]), pytest.raises(ConfigError, match="LOSSES has 'mine', which hilum has already"):
        parts("LOSSES", ["bce", "mine"])


def test_what_a_setting_names_is_there(plugin: Callable[..., Path]) -> None:
    with pytest.raises(
        ConfigError, match=r"augment\.extra: no plugin has 'x' in AUGMENTATIONS; no plugin with one"
    ):
        chosen("AUGMENTATIONS", ["x"], "augment.extra")
    with (
        using(plugin("AUGMENTATIONS = {'blur': (print, print)}")),
        pytest.raises(ConfigError, match="did you mean 'blur'"),
    ):
        chosen("AUGMENTATIONS", ["blurr"], "augment.extra")


def test_a_module_and_an_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "parcel_of_parts").mkdir()
    (tmp_path / "parcel_of_parts" / "__init__.py").write_text("")
    (tmp_path / "parcel_of_parts" / "losses.py").write_text(GOOD)
    about = tmp_path / "parcel_of_parts-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: parcel-of-parts\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[hilum.plugins]\nparcel = parcel_of_parts.losses\n")
    monkeypatch.syspath_prepend(tmp_path)
    for named in ("parcel", "parcel_of_parts.losses"):
        with using(named) as (found,):
            assert (found.name, found.text) == (named, GOOD)
            assert "mine" in parts("LOSSES")
    with pytest.raises(ConfigError, match=r"Installed packages have .*parcel"), using("parcels"):
        pass
