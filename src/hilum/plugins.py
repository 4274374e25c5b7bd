"""Parts that come from a user's own file: networks, backbones, losses, scores, sources, augmentations, callbacks.

A plugin is a Python file, an installed module, or an entry point of the group `hilum.plugins`. It holds plain
dicts under the names of `KINDS`, each of names and functions. Its code runs where the user names it, in a recipe
or by `--plugin`, and never because somebody's run names it. What it gives is known within `using` alone.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from hilum.errors import ConfigError, did_you_mean, nearest
from hilum.text import items

GROUP = "hilum.plugins"
"""The group of entry points of installed packages."""


def _pair(first: Callable[[Any], bool], second: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple) and len(value) == 2 and first(value[0]) and second(value[1])


def _model(value: Any) -> bool:
    return callable(value) or _pair(callable, lambda layer: isinstance(layer, str))(value)


_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "MODELS": (_model, 'build(channels, size) -> network, or (build, "name of its feature layer")'),
    "BACKBONES": (
        _pair(callable, lambda wants: isinstance(wants, Mapping)),
        'build(channels, size) -> network with weights, and {"mean": 0.5, "sd": 0.25, "size": 224}, in a tuple',
    ),
    "LOSSES": (callable, "loss(logits, targets) -> the loss of each label"),
    "SCORES": (
        _pair(callable, lambda better: better in ("higher", "lower")),
        '(score(targets, probabilities) -> number, "higher" or "lower": which is better)',
    ),
    "SOURCES": (callable, "read(root) -> Table"),
    "AUGMENTATIONS": (
        _pair(callable, callable),
        "(draw(generator, count) -> array, apply(images, drawn) -> images)",
    ),
    "CALLBACKS": (callable, "make() -> object with start, step, epoch or close"),
}
KINDS = tuple(_FORMS)
"""What the dicts of a plugin are called."""


@dataclass(frozen=True)
class Plugin:
    """A plugin whose code has run.

    Attributes:
        name: what it is called: the file's name without `.py`, the module, or the entry point.
        given: how a run's settings name it: a file without its folder.
        text: its source.
        parts: kind -> name -> function.
    """

    name: str
    given: str
    text: str
    parts: Mapping[str, Mapping[str, Any]] = field(repr=False)

    @cached_property
    def sha256(self) -> str:
        """Of its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """What a run keeps of it, beside the text."""
        parts = {kind: sorted(found) for kind, found in self.parts.items()}
        return {"name": self.name, "sha256": self.sha256, "parts": parts}


_IN_USE: ContextVar[tuple[Plugin, ...]] = ContextVar("plugins in use", default=())


@contextmanager
def using(named: Iterable[str | Path] | str | Path) -> Iterator[tuple[Plugin, ...]]:
    """Within the block, what these plugins give is known by name, beside what is known already.

    Args:
        named: files, modules or entry points. One that is in use already, by its name, is not loaded again.

    Yields:
        All plugins in use.

    Raises:
        ConfigError: one is not there or cannot be run, gives nothing or the wrong thing, or a name comes twice.
    """
    plugins = list(_IN_USE.get())
    here: dict[str, str] = {}
    for each in map(str, items(named)):
        name = name_of(each)
        if here.setdefault(name, each) != each:
            raise ConfigError(f"{here[name]} and {each} are both called {name}: rename one of them.")
        if name not in (plugin.name for plugin in plugins):
            plugins.append(_load(each))
    _no_name_twice(plugins)
    token = _IN_USE.set(tuple(plugins))
    try:
        yield tuple(plugins)
    finally:
        _IN_USE.reset(token)


def in_use() -> tuple[Plugin, ...]:
    """The plugins of the blocks of `using` around the caller, in the order in which they were named."""
    return _IN_USE.get()


def parts(kind: str, own: Iterable[str] = ()) -> dict[str, Any]:
    """Name -> function of one of `KINDS`, of all plugins in use.

    Args:
        kind: which.
        own: names that hilum has itself.

    Raises:
        ConfigError: a plugin has one of these names.
    """
    own = set(own)
    for plugin in in_use():
        if taken := own.intersection(plugin.parts.get(kind, ())):
            raise ConfigError(
                f"plugin {plugin.name}: {kind} has {min(taken)!r}, which hilum has already; name it otherwise."
            )
    return {name: part for plugin in in_use() for name, part in plugin.parts.get(kind, {}).items()}


def chosen(kind: str, names: Iterable[str], setting: str) -> dict[str, Any]:
    """Name -> function of those parts of plugins in use that a setting names, in its order.

    Raises:
        ConfigError: no plugin in use has one of them.
    """
    known = parts(kind)
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) if known else "no plugin with one was named; give --plugin FILE."
            raise ConfigError(f"{setting}: no plugin has {name!r} in {kind}; {hint}")
    return {name: known[name] for name in names}


def name_of(named: str) -> str:
    """What a plugin is called, of what a user or a run's settings name."""
    return Path(named).name.removesuffix(".py")


def _load(named: str) -> Plugin:
    module, text = _of_file(Path(named)) if named.endswith(".py") else _of_module(named)
    if kind := next((kind for kind in vars(module) if kind.isupper() and _misspelt(kind)), None):
        raise ConfigError(f"plugin {named}: {kind} is nothing that a plugin has; {did_you_mean(kind, KINDS)}")
    found = {kind: _checked(named, kind, vars(module)[kind]) for kind in KINDS if kind in vars(module)}
    if not any(found.values()):
        raise ConfigError(
            f"plugin {named} gives nothing. Expected dicts called {', '.join(KINDS)}, or some of them."
        )
    return Plugin(name_of(named), Path(named).name, text, found)


def _misspelt(kind: str) -> bool:
    """Whether it is a kind but for an S at its end."""
    return kind not in KINDS and f"{kind}S" in KINDS


def _checked(named: str, kind: str, found: Any) -> dict[str, Any]:
    if not isinstance(found, Mapping):
        raise ConfigError(
            f"plugin {named}: {kind} is a {type(found).__name__}; expected a dict, name -> function."
        )
    fits, form = _FORMS[kind]
    for name, part in found.items():
        if not (isinstance(name, str) and re.fullmatch(r"[\w.-]+", name)):
            raise ConfigError(f"plugin {named}: {kind} has {name!r}; a name is of letters, digits and _ . -")
        if not fits(part):
            raise ConfigError(
                f"plugin {named}: {kind}[{name!r}] is a {type(part).__name__}; expected {form}."
            )
    return dict(found)


def _of_file(path: Path) -> tuple[ModuleType, str]:
    """Run exactly the text whose checksum is kept."""
    try:
        text = path.read_bytes().decode()
    except OSError as error:
        beside = path.parent.glob("*.py") if path.parent.is_dir() else ()
        near = nearest(path.name, (other.name for other in beside))
        hint = f" Did you mean {path.with_name(near)}?" if near else ""
        raise ConfigError(f"plugin {path} cannot be read: {error.strerror}.{hint}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"plugin {path} is no text in UTF-8.") from error
    module = ModuleType("hilum_plugin_" + re.sub(r"\W", "_", name_of(str(path))))
    module.__file__ = str(path)
    # Dataclasses look their module up there.
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, str(path), "exec"), vars(module))
    # The code is the user's: any error can come of it, and all that helps is to say which and where.
    except Exception as error:
        raise _broken(str(path), error) from error
    return module, text


def _of_module(named: str) -> tuple[ModuleType, str]:
    entries = importlib.metadata.entry_points(group=GROUP)
    place = entries[named].module if named in entries.names else named
    try:
        spec = importlib.util.find_spec(place)
        if spec is not None and spec.origin is not None and spec.origin.endswith(".py"):
            text = Path(spec.origin).read_bytes().decode()
            return importlib.import_module(place), text
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise _broken(named, error) from error
    except Exception as error:
        raise _broken(named, error) from error
    known = f" Installed packages have {', '.join(sorted(entries.names))}." if entries.names else ""
    raise ConfigError(
        f"there is no plugin {named!r}: no installed module, and no entry point of {GROUP}.{known} A file's "
        "name ends in .py."
    )


def _broken(named: str, error: Exception) -> ConfigError:
    """What is wrong with the code of a plugin, and in which line of it."""
    line, trace = (
        getattr(error, "lineno", None) if isinstance(error, SyntaxError) else None,
        error.__traceback__,
    )
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == named:
            line = trace.tb_lineno
        trace = trace.tb_next
    said = getattr(error, "msg", None) or str(error) or "no message"
    where = f", line {line}" if line else ""
    return ConfigError(f"plugin {named}{where}: {type(error).__name__}: {said}")


def _no_name_twice(plugins: Iterable[Plugin]) -> None:
    first: dict[tuple[str, str], str] = {}
    for plugin in plugins:
        for kind, found in plugin.parts.items():
            for name in found:
                if (kind, name) in first:
                    raise ConfigError(
                        f"plugins {first[kind, name]} and {plugin.name} both have {name!r} in {kind}; rename one."
                    )
                first[kind, name] = plugin.name
