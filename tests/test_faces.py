"""What a room shows to the others is listed once, and nothing else of it is used elsewhere."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "hilum"
ROOMS = sorted(path.parent.name for path in SOURCES.glob("*/__init__.pyi"))


def room_of(path: Path) -> str | None:
    """The room that a file is of; the tests of a room are of it too."""
    for top in (SOURCES, ROOT / "tests"):
        if path.is_relative_to(top) and len(parts := path.relative_to(top).parts) > 1:
            return parts[0]
    return None


def entered(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every file within a room that a file imports, or imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (
            (node.lineno, name) for name in names if name.split(".")[0] == "hilum" and name.count(".") > 1
        )


def test_rooms_are_entered_by_their_faces_alone() -> None:
    """But for the fuzzer, which tries readers that only their room knows."""
    files = [path for top in ("src", "tests") for path in (ROOT / top).rglob("*.py")]
    files = [path for path in files if room_of(path) != "fuzz"]
    inside = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in files
        for line, name in entered(path)
        if (room := name.split(".")[1]) in ROOMS and room_of(path) != room
    ]
    assert inside == []


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_shows_is_there_and_told(room: str) -> None:
    module = importlib.import_module(f"hilum.{room}")
    for name in module.__all__:
        shown = getattr(module, name)
        assert not inspect.ismodule(shown), f"hilum.{room}.{name} is a file: name it otherwise"
        if inspect.isclass(shown) or inspect.isfunction(shown):
            assert shown.__doc__, f"hilum.{room}.{name} says nothing of itself"


def test_faces_are_short() -> None:
    """A new name has to be worth it: 200 is the aim, and where one comes another should go."""
    names = [
        name
        for room in ROOMS
        if room not in ("api", "cli")
        for name in importlib.import_module(f"hilum.{room}").__all__
    ]
    assert len(names) <= 228
