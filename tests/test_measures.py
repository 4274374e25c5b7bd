"""The programs that measure the house and that compare a study's numbers before and after a change."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.house import face, long_functions, rooms
from benchmarks.same_numbers import ABSENT, differences, forgiven
from benchmarks.small_studies import STUDIES, Hilum

SRC = Path(__file__).parents[1] / "src"

FILES = {
    "hall/__init__.py": "import lazy_loader\n",
    "hall/__init__.pyi": "from .stairs import Step as Step\nfrom .floor import lay\n\n__all__ = ['Step', 'lay']\n",
    "hall/floor.py": "def lay():\n    pass\n\n\ndef _sweep():\n    pass\n",
    "hall/stairs.py": "from house.hall import lay\n\n\nclass Step:\n    def climb(self):\n        lay()\n",
    "hall/loft/__init__.py": "",
    "hall/loft/roof.py": "def look():\n    from house.hall.stairs import Step\n\n    return Step\n",
    "phantom/ghost.py": "def not_counted(): ...\n",
    "door.py": "def open(): ...\n",
}


def test_lines_names_floors_and_arrows_of_a_small_house(tmp_path: Path) -> None:
    house = tmp_path / "house"
    for name, text in FILES.items():
        (house / name).parent.mkdir(parents=True, exist_ok=True)
        (house / name).write_text(text)
    hall, bottom = rooms(house)
    assert (hall.files, hall.lines, hall.floors, hall.arrows, hall.names) == (5, 21, 3, 2, 3)
    assert (bottom.files, bottom.names, face(house / "hall")) == (1, 1, {"Step", "lay"})
    assert long_functions(house, 2) == {"hall/loft/roof.py:1 look": 4}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": 1.0, "b": [1, float("nan")]}, {"b": [1, float("nan")], "a": 1}, []),
        ({"a": 0.1}, {"a": 0.10000000000000002}, [("/a", 0.1, 0.10000000000000002)]),
        ({"a": 1}, {"b": 1}, [("/a", 1, ABSENT), ("/b", ABSENT, 1)]),
        ([{"name": "x", "n": 1}, {"name": "y", "n": 2}], [{"name": "y", "n": 2}, {"name": "x", "n": 1}], []),
        (["one", "two", "three"], ["one", "three"], [("/1", "two", "")]),
        ([1, 2], [1, 2, 3], [("", [1, 2], [1, 2, 3])]),
    ],
)
def test_differences_are_told_by_path(old: object, new: object, expected: list[object]) -> None:
    assert list(differences(old, new)) == expected


def test_tolerance_holds_for_numbers_under_its_path_alone() -> None:
    allowed = {"heads": 0.002}
    assert forgiven(("/nih/heads/said/score", 0.8, 0.801), allowed)
    assert not forgiven(("/nih/heads/said/score", 0.8, 0.803), allowed)
    assert not forgiven(("/nih/noise/said/score", 0.8, 0.801), allowed)
    assert not forgiven(("/nih/heads/said/head", "C = 1", "C = 2"), allowed)


def test_commands_are_spelt_as_their_help_does_and_told_with_their_exit_code(tmp_path: Path) -> None:
    hilum = Hilum(SRC, tmp_path)
    try:
        spelt = hilum.spelt(["evaluate", "run", "--part", "test", "--finding", "Edema"])
        code, printed = hilum.run(spelt)
        assert (code, printed) == (2, "")
        assert set(spelt[2::2]) <= hilum.words["evaluate"]
    finally:
        hilum.close()


def test_each_study_is_of_a_recipe_that_is_here() -> None:
    assert all((SRC.parent / "recipes" / f"{study.recipe}.toml").is_file() for study in STUDIES.values())
