"""Packs kept by content."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pictures import encode, smooth, study

from hilum.config import PrepareConfig
from hilum.errors import DiskError
from hilum.pixels.build import _default_cache, cached_pack

SMALL = PrepareConfig(size=16)
BUILD = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from pictures import table_of
from hilum.config import PrepareConfig
from hilum.pixels.build import cached_pack
root = Path({root!r})
table = table_of(root, sorted(path.name for path in root.iterdir()))
print(cached_pack(table, PrepareConfig(size=16), {cache!r}).fingerprint)
"""


def test_a_pack_is_made_once_and_again_when_something_changes(tmp_path: Path) -> None:
    table = study(tmp_path / "study", 5)
    cache = tmp_path / "cache"
    first = cached_pack(table, SMALL, cache)
    assert first.path.parent == cache
    assert first.path.name.startswith("folder-16-")
    made = (first.path / "pack.json").stat().st_mtime_ns
    again = cached_pack(table, SMALL, cache)
    assert (again.path, (again.path / "pack.json").stat().st_mtime_ns) == (first.path, made)
    (table.root / "0001.png").write_bytes(encode(smooth(9, 9), "PNG"))
    others = [
        cached_pack(table, SMALL, cache),
        cached_pack(table, PrepareConfig(size=20), cache),
        cached_pack(table.take([0, 1]), SMALL, cache),
    ]
    os.utime(table.root / "0002.png", ns=(1, 1))
    others.append(cached_pack(table, SMALL, cache))
    (table.root / "0003.png").unlink()
    others.append(cached_pack(table, SMALL, cache, max_excluded=0.5))
    assert len({first.path, *(pack.path for pack in others)}) == 6


def test_two_processes_at_once_get_the_same_pack(tmp_path: Path) -> None:
    table = study(tmp_path / "study", 200)
    tests = str(Path(__file__).parent)
    script = BUILD.format(tests=tests, root=str(table.root), cache=str(tmp_path / "cache"))
    both = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0]
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "a"))
    assert _default_cache() == tmp_path / "a" / "packs"
    monkeypatch.delenv("HILUM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert _default_cache() == tmp_path / "b" / "hilum" / "packs"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _default_cache() == tmp_path / ".cache" / "hilum" / "packs"
    assert cached_pack(study(tmp_path / "study", 2), SMALL).path.parent == _default_cache()


def test_a_cache_that_cannot_be_written_is_a_disk_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError):
        cached_pack(study(tmp_path / "study", 2), SMALL, tmp_path / "file" / "cache")
