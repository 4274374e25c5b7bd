"""How big the house is: lines, names, rooms, floors and arrows of a source tree, which is read, not imported.

    python benchmarks/house.py [SRC] [--json]

SRC is the package's folder, by default this checkout's `src/hilum`; the drawing programs are left out. A room is
a folder of it, with all below. Lines are those of `.py` and `.pyi` files. Names are `def` and `class` at the top
of files, without underscore. A face is what a room's `__init__` lists, in `__all__` or in its stub. Floors are
the longest chain of modules that import one another within the room; arrows are pairs of such modules. An
`__init__` is no module here: what comes through it comes from where it got it. A function is as long as from
`def` to its end.
"""

from __future__ import annotations

import argparse
import ast
import functools
import json
import statistics
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

SRC = Path(__file__).parents[1] / "src" / "hilum"
DRAWING = "phantom"
"""Not counted: today a package of its own, once a room."""
LONG_FUNCTION = 40
BOTTOM = "(bottom)"
"""The modules that lie in no room."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Room:
    """The figures of a folder, or of the modules that lie in none."""

    name: str
    files: int
    lines: int
    floors: int
    arrows: int
    names: int
    face: int


TITLES = [field.name for field in fields(Room)][1:]


def rooms(src: Path = SRC) -> list[Room]:
    """Every room of a package, by name; the modules without a room come last."""
    found = [
        _room(src, path.name, sorted(path.rglob("*.py")))
        for path in sorted(src.iterdir())
        if path.is_dir() and path.name != DRAWING and any(path.rglob("*.py"))
    ]
    return [*found, _room(src, BOTTOM, sorted(src.glob("*.py")))]


def long_functions(src: Path = SRC, limit: int = LONG_FUNCTION) -> dict[str, int]:
    """`file:line function` -> lines, of those with more lines than the limit, the longest first."""
    lengths = {
        f"{path.relative_to(src)}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in _files(src)
        for node in ast.walk(_tree(path))
        if isinstance(node, Function)
    }
    long = ((name, length) for name, length in lengths.items() if length > limit)
    return dict(sorted(long, key=lambda of: (-of[1], of[0])))


def file_lengths(src: Path = SRC) -> dict[str, int]:
    """File -> lines."""
    return {str(path.relative_to(src)): len(path.read_text().splitlines()) for path in _files(src)}


def face(folder: Path) -> set[str]:
    """What a room shows; empty where it lists nothing."""
    listed: set[str] = set()
    for path in (folder / "__init__.pyi", folder / "__init__.py"):
        if path.is_file() and not listed:
            listed = set(_all(_tree(path))) or (_imported(_tree(path)) if path.suffix == ".pyi" else set())
    return {name for name in listed if not name.startswith("_")}


def _files(src: Path) -> list[Path]:
    return [path for path in sorted(src.rglob("*.py")) if path.relative_to(src).parts[0] != DRAWING]


def _room(src: Path, name: str, files: list[Path]) -> Room:
    modules = {_module(src, path): path for path in files if path.name != "__init__.py"}
    through = _through(src, [path for path in files if path.name == "__init__.py"])
    below = {module: _imports(path, modules, through) - {module} for module, path in modules.items()}
    stubs = sorted((src / name).rglob("*.pyi")) if name != BOTTOM else sorted(src.glob("*.pyi"))
    return Room(
        name,
        len(files),
        sum(len(path.read_text().splitlines()) for path in (*files, *stubs)),
        _floors(below),
        sum(map(len, below.values())),
        sum(len(_names(path)) for path in files),
        len(face(src / name)) if name != BOTTOM else 0,
    )


def _names(path: Path) -> list[str]:
    """Functions and classes at the top of a file, without underscore."""
    named = [node.name for node in _tree(path).body if isinstance(node, Function | ast.ClassDef)]
    return [name for name in named if not name.startswith("_")]


def _imports(path: Path, modules: Collection[str], through: dict[str, str]) -> set[str]:
    """Which of the modules a file imports, wherever in it and for whatever purpose."""
    found: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {through.get(name, name) for name in found} & set(modules)


def _through(src: Path, inits: list[Path]) -> dict[str, str]:
    """Where each name that an `__init__` imports comes from: `hilum.room.name` -> `hilum.room.module`."""
    found: dict[str, str] = {}
    for path in (of for init in inits for of in (init, init.with_suffix(".pyi")) if of.is_file()):
        package = _module(src, path.parent)
        for node in (of for of in _tree(path).body if isinstance(of, ast.ImportFrom)):
            module = f"{package}.{node.module}" if node.level and node.module else node.module or package
            found |= {f"{package}.{alias.asname or alias.name}": module for alias in node.names}
    return found


def _floors(below: dict[str, set[str]]) -> int:
    """The longest chain; what comes back to itself is not followed."""
    height: dict[str, int] = {}

    def climb(module: str, above: tuple[str, ...]) -> int:
        if module not in height:
            chains = [
                climb(of, (*above, module)) for of in sorted(below[module]) if of not in (*above, module)
            ]
            height[module] = 1 + max(chains, default=0)
        return height[module]

    return max((climb(module, ()) for module in sorted(below)), default=0)


def _all(tree: ast.Module) -> list[str]:
    """The texts of `__all__`."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return [str(of.value) for of in ast.walk(node) if isinstance(of, ast.Constant)]
    return []


def _imported(tree: ast.Module) -> set[str]:
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module != "__future__"]
    return {alias.asname or alias.name for node in imports for alias in node.names}


def _module(src: Path, path: Path) -> str:
    return ".".join((src.name, *path.relative_to(src).parts)).removesuffix(".py")


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def figures(src: Path = SRC) -> dict[str, Any]:
    """All figures: `rooms`, `long` functions, and `total`s."""
    found, long, lengths = rooms(src), long_functions(src), file_lengths(src).values()
    total = {title: sum(getattr(room, title) for room in found) for title in TITLES}
    total |= {"floors": max(room.floors for room in found), "median_file": int(statistics.median(lengths))}
    total |= {"longest_file": max(lengths), "long_functions": len(long), "names_of_bottom": found[-1].names}
    return {"rooms": [asdict(room) for room in found], "long": long, "total": total}


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("src", nargs="?", type=Path, default=SRC)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = figures(chosen.src)
    if chosen.json:
        print(json.dumps(found, indent=1))
        return
    print("".join(f"{title:>11}" for title in ("room", *TITLES)))
    for row in (*found["rooms"], {"name": "all", **found["total"]}):
        print("".join(f"{row[title]:>11}" for title in ("name", *TITLES)))
    for name in (of for of in found["total"] if of not in TITLES):
        print(f"{name.replace('_', ' ')}: {found['total'][name]}")
    print("\n".join(f"  {lines} {name}" for name, lines in found["long"].items()))


if __name__ == "__main__":
    main()
