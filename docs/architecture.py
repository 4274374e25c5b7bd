"""The page `architecture.md`: rooms in import order, what each shows, and who imports whom, as the code is now."""

from __future__ import annotations

import ast
import importlib
import inspect
import tomllib
from dataclasses import dataclass
from pathlib import Path

import grimp
import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "hilum"
INTRODUCTION = """# Architecture

Rooms import strictly downwards and never their neighbours; `make check` proves it. What a room shows to others is
its **face**, listed once in its `__init__.pyi`; a test refuses any other import across rooms. Made from the code
by `make docs`.

![Who imports whom](architecture.svg)

Read a row to the right: what the room imports. All marks lie on one side of the diagonal: there are no circles.
"""


@dataclass(frozen=True)
class Room:
    """A folder, or a file, right under `src/hilum`."""

    name: str
    layer: int

    @property
    def files(self) -> list[Path]:
        folder = SOURCES / self.name
        return sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]

    @property
    def lines(self) -> int:
        return sum(len(path.read_text().splitlines()) for path in self.files)

    @property
    def sentence(self) -> str:
        home = SOURCES / self.name / "__init__.py"
        return _first_line(
            ast.get_docstring(ast.parse((home if home.exists() else self.files[0]).read_text()))
        )

    def face(self) -> list[tuple[str, str]]:
        """Each name that the room shows, with its sentence."""
        if not (SOURCES / self.name / "__init__.pyi").exists():
            return []
        module = importlib.import_module(f"hilum.{self.name}")
        return [(name, _sentence_of(getattr(module, name))) for name in module.__all__]


def rooms() -> list[Room]:
    """All rooms, the highest first, as the import contract of `pyproject.toml` orders them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract for contract in contracts if contract["id"] == "layers")["layers"]
    names = [
        (at, one.strip()) for at, layer in enumerate(layers) for one in layer.replace("|", ":").split(":")
    ]
    return [Room(name, at) for at, name in names]


def write_architecture(folder: Path) -> None:
    """Write `architecture.md` and its drawing."""
    found = rooms()
    draw_imports(found, folder / "architecture.svg")
    lines = [INTRODUCTION, "| layer | room | files | lines | what it is |", "|---:|---|---:|---:|---|"]
    lines += [
        f"| {room.layer + 1} | `{room.name}` | {len(room.files)} | {room.lines:,} | {room.sentence} |"
        for room in found
    ]
    for room in found:
        if face := room.face():
            lines += ["", f"## {room.name}", ""]
            lines += [f"- `{name}`{': ' if told else ''}{told}" for name, told in face]
    (folder / "architecture.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_imports(found: list[Room], path: Path) -> None:
    """A dot at (row, column) where the row's room imports the column's."""
    graph = grimp.build_graph("hilum", cache_dir=None)
    within = {
        room.name: {f"hilum.{room.name}"} | graph.find_descendants(f"hilum.{room.name}") for room in found
    }
    figure, axes = plt.subplots(figsize=(8, 8), layout="constrained")
    for row, room in enumerate(found):
        targets: set[str] = set()
        for module in within[room.name]:
            targets |= graph.find_modules_directly_imported_by(module)
        columns = [at for at, other in enumerate(found) if other is not room and targets & within[other.name]]
        axes.scatter(columns, [row] * len(columns), color="#1f5a89", s=28)
    names = [room.name for room in found]
    axes.plot([-0.5, len(found) - 0.5], [-0.5, len(found) - 0.5], color="0.8", linewidth=1, zorder=0)
    axes.set_yticks(range(len(found)), names)
    axes.set_xticks(range(len(found)), names, rotation=90)
    axes.xaxis.tick_top()
    axes.set(xlim=(-0.5, len(found) - 0.5), ylim=(len(found) - 0.5, -0.5))
    axes.grid(color="0.93")
    axes.set_axisbelow(True)
    figure.savefig(path)
    plt.close(figure)


def _sentence_of(thing: object) -> str:
    if not (inspect.isclass(thing) or inspect.isfunction(thing)):
        return ""
    return _first_line(thing.__doc__)


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n\n")[0].replace("\n", " ")
