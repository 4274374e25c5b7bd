"""Reading and writing a `Config` as TOML, with faults told all at once."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel

from hilum.config.faults import check_section
from hilum.config.recipes import find_recipes
from hilum.config.sections import Config
from hilum.errors import ConfigError, nearest
from hilum.files import read_toml, write_text
from hilum.text import items

PARTS_OF_PLUGINS = ("plugins", "augment.extra", "track.callbacks")
"""Settings that are written where they are not empty."""
ABOUT = frozenset({"name", "notes", "measured", "measured_on"})
"""Settings that say something of a run and change nothing in it."""


def read_config(path: str | Path, overrides: Iterable[str] = (), options: Iterable[str] = ()) -> Config:
    """Read a TOML file and apply `section.key=value` overrides.

    Args:
        path: the file, or the bare name of a recipe that comes with hilum.
        overrides: e.g. `optimizer.lr=1e-4`, `data.findings=["Edema"]`; the value is TOML, or else a string. The
            last wins.
        options: the same, of options that stand for settings; none may say otherwise than `overrides`.

    Raises:
        ConfigError: the file is missing or not TOML, or any setting is wrong; all faults are listed.
    """
    path = _find_recipe(path)
    try:
        values = read_toml(path)
    except (FileNotFoundError, IsADirectoryError) as error:
        raise ConfigError(f"{path} is not a file; {_other_recipe(path)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not a TOML file: it is no text in UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}.") from error
    overrides, options = items(overrides), items(options)
    origin = f"{path} with --set" if overrides else str(path)
    config = make_config(values, overrides, origin, options)
    if not config.plugins or (path.parent / "run.json").exists():
        return config
    beside = (path.parent / name for name in config.plugins)
    plugins = [str(at) if at.is_file() else name for at, name in zip(beside, config.plugins, strict=True)]
    return config.model_copy(update={"plugins": tuple(plugins)})


def _find_recipe(path: str | Path) -> Path:
    """The file itself where there is one; else the recipe of that name that comes with hilum, if there is one."""
    path = Path(path)
    if path.exists() or path.parent != Path():
        return path
    return find_recipes().get(path.stem, path)


def _other_recipe(path: Path) -> str:
    """What to name in place of a file that is not there: one of a like name beside it, or what hilum has."""
    beside = [other.name for other in path.parent.glob("*.toml")]
    if close := nearest(path.name, beside):
        return f"did you mean '{path.parent / close}'?"
    if close := nearest(path.stem, find_recipes()):
        return f"did you mean '{close}', which comes with hilum?"
    return f"name a TOML file, or a recipe that comes with hilum: {', '.join(find_recipes())}."


def make_config(
    values: Mapping[str, Any],
    overrides: Iterable[str] = (),
    origin: str = "the configuration",
    options: Iterable[str] = (),
) -> Config:
    """Check nested values and make a `Config`; see `read_config`."""
    merged, changes, options = _copy(values), items(overrides), items(options)
    faults = [fault for text in (*changes, *options) if (fault := _override(merged, text))]
    faults += _said_otherwise(changes, options)
    config, wrong = check_section(Config, merged)
    if config is None or faults:
        lines = "".join(f"\n  - {fault}" for fault in (*faults, *wrong))
        raise ConfigError(f"{origin} cannot be used:{lines}")
    return config


def dump_config(config: Config) -> str:
    """The complete TOML text of a `Config`; reading it gives an equal `Config`."""
    values = config.model_dump(mode="json")
    for key in PARTS_OF_PLUGINS:
        section, _, name = key.rpartition(".")
        inside = values[section] if section else values
        if not inside[name]:
            del inside[name]
    return tomli_w.dumps(values)


def write_config(config: Config, path: Path) -> None:
    """Write `dump_config` to a file, whole."""
    write_text(path, dump_config(config))


def value_of(text: str) -> Any:
    """What a user typed for a value: TOML where it is that, else the text itself."""
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text.strip()


def settings(config: BaseModel, prefix: str = "") -> dict[str, Any]:
    """All settings flat, `{"optimizer.lr": 0.001, ...}`: for tables, diffs and the report."""
    flat: dict[str, Any] = {}
    for key in type(config).model_fields:
        value = getattr(config, key)
        if isinstance(value, BaseModel):
            flat |= settings(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}


def _said_otherwise(changes: Iterable[str], options: Iterable[str]) -> list[str]:
    """What is wrong where an option stands for a setting that `--set` gives another value."""
    changed = dict(map(_parted, changes))
    return [
        f"{key}: given twice, as {changed[key]} and as {raw}; say which, once"
        for key, raw in map(_parted, options)
        if key in changed and str(value_of(changed[key])) != str(value_of(raw))
    ]


def _parted(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    return key.strip(), value.strip()


def _override(values: dict[str, Any], text: str) -> str | None:
    """Put one `section.key=value` into `values`; returns what is wrong with it, if anything."""
    key, equals, raw = text.partition("=")
    if not equals or not key.strip():
        return f"--set {text}: expected SECTION.KEY=VALUE, for example optimizer.lr=1e-4"
    *sections, last = key.strip().split(".")
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            return f"--set {text}: {section} is not a section"
        values = inner
    values[last] = value_of(raw)
    return None
