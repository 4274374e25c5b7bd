"""Build the site into `site/`: the pages of this folder, and two made from settings and code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from architecture import write_architecture

from hilum.config import SECTIONS, Section, knobs

ROOT = Path(__file__).parents[1]
INTRODUCTION = """\
Every knob, as `hilum settings` prints it too. Of a run, a recipe states what it changes, its `config.toml` states
all, and `--set optimizer.lr=1e-4` changes one. The sections of commands, from `phantom` on, are in no recipe: they
are the command's options, and the arguments of its function in `hilum.api`, by the same names (where several may
be given, an option is called by one: `--finding`)."""


def main() -> int:
    """Write `settings.md` and `architecture.md`, then the site."""
    (ROOT / "docs" / "settings.md").write_text(settings_page(), encoding="utf-8")
    write_architecture(ROOT / "docs")
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"], cwd=ROOT
    ).returncode


def settings_page() -> str:
    """Every setting with its kind, allowed values, default and sentence, section by section."""
    lines = [
        "# Settings",
        "",
        INTRODUCTION,
    ]
    for name, section in SECTIONS.items():
        about = (section.__doc__ or "").strip()
        lines += ["", f"## [{name}]" if name else "", "", about, "", *_table(section)]
    return "\n".join(lines) + "\n"


def _table(section: type[Section]) -> list[str]:
    rows = [
        f"| `{one.name}` | {one.kind} | {one.allowed} | `{one.default!r}` | {one.sentence} |"
        for one in knobs(section)
    ]
    return ["| setting | kind | allowed | default | what it does |", "|---|---|---|---|---|", *rows]


if __name__ == "__main__":
    sys.exit(main())
