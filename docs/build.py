"""Build the site into `site/`: the pages of this folder, and two made from settings and code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from architecture import write_architecture
from pydantic import BaseModel

from hilum.config import Config

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Write `settings.md` and `architecture.md`, then the site."""
    (ROOT / "docs" / "settings.md").write_text(settings_page(), encoding="utf-8")
    write_architecture(ROOT / "docs")
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"], cwd=ROOT
    ).returncode


def settings_page() -> str:
    """Every setting with its default and its sentence, section by section."""
    lines = [
        "# Settings",
        "",
        "Every knob of a run. A recipe states what it changes; a run's `config.toml` states all of them.",
        "",
        *_table(Config, [name for name in Config.model_fields if not _is_section(name)]),
    ]
    for name in Config.model_fields:
        if _is_section(name):
            section = Config.model_fields[name].annotation
            about = (section.__doc__ or "").strip()
            lines += ["", f"## [{name}]", "", about, "", *_table(section, list(section.model_fields))]
    return "\n".join(lines) + "\n"


def _is_section(name: str) -> bool:
    kind = Config.model_fields[name].annotation
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _table(section: type[BaseModel], names: list[str]) -> list[str]:
    rows = []
    for name in names:
        field = section.model_fields[name]
        sentence = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | `{field.default!r}` | {sentence} |")
    return ["| setting | default | what it does |", "|---|---|---|", *rows]


if __name__ == "__main__":
    sys.exit(main())
