"""The plugins that a run was made with: it keeps their text, which runs only where the user names it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.errors import RunError
from hilum.files import whole_file
from hilum.plugins import Plugin, in_use, name_of
from hilum.progress import say

if TYPE_CHECKING:
    from hilum.runs.run import Run


def keep_plugins(run: Path) -> dict[str, Any]:
    """Keep the text of the plugins in use in a run's folder; what run.json says of them, if there are any."""
    for plugin in in_use():
        with whole_file(kept_plugin(run, plugin.name)) as partial:
            partial.write_bytes(plugin.text.encode())
    return {"plugins": [plugin.to_json() for plugin in in_use()]} if in_use() else {}


def kept_plugin(run: Path, name: str) -> Path:
    """Where a run keeps the text of a plugin."""
    return run / "plugins" / f"{Path(name).name}.py"


def check_plugins(run: Run, *kinds: str) -> None:
    """Check that the user has named the run's plugins that are needed, and say where one is another text.

    Args:
        run: whose code is to be run.
        kinds: only plugins that give one of these; all where none is named.

    Raises:
        RunError: one was not named; the message says how to.
    """
    given = {plugin.name: plugin for plugin in in_use()}
    kept = {entry["name"]: entry for entry in run.info.get("plugins", ())}
    names = dict.fromkeys([*kept, *map(name_of, run.config.plugins)])
    needed = [n for n in names if not kinds or n not in kept or set(kinds) & set(kept[n]["parts"])]
    if missing := [name for name in needed if name not in given]:
        options = " ".join(f"--plugin {shlex.quote(str(kept_plugin(run.path, name)))}" for name in missing)
        raise RunError(
            f"{run.path} was made with code of its own, the plugin {' and '.join(missing)}, which hilum runs only "
            "where you name it. Read it; where you trust it, give the same command (in Python: the same call "
            f"within `hilum.plugins.using`) with:  {options}"
        )
    for name in needed:
        if name in kept and (before := kept[name]["sha256"]) != given[name].sha256:
            say(_other_text(run, given[name], before))


def _other_text(run: Run, plugin: Plugin, before: str) -> str:
    return (
        f"note: plugin {plugin.name} is not the text that {run.path} was made with (sha256 {before[:12]} then, "
        f"{plugin.sha256[:12]} now): numbers may differ. It kept {kept_plugin(run.path, plugin.name)}"
    )
