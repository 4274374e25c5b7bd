"""A full disk: noticed before the work, said in one line, and nothing is left under the final name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pictures import study

from hilum.config import PrepareConfig
from hilum.errors import DiskError
from hilum.pixels.build import build_pack

FULL = """
import resource, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from pictures import table_of
from hilum.config import PrepareConfig
from hilum.errors import DiskError
from hilum.pixels import workers
from hilum.pixels.build import build_pack

def never(*given):
    raise SystemExit("an image was decoded before the space was known to be there")

workers.read_picture = never
root = Path({root!r})
table = table_of(root, sorted(path.name for path in root.iterdir()))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))  # the system refuses larger files
try:
    build_pack(table, {out!r}, PrepareConfig(size=320))
except DiskError as error:
    print(error)
"""


def test_a_disk_that_is_too_small_is_noticed_at_the_start(tmp_path: Path) -> None:
    table = study(tmp_path / "study", 30)
    out = tmp_path / "out"
    script = FULL.format(tests=str(Path(__file__).parent), root=str(table.root), out=str(out))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"could not write {out}: File too large (")
    assert "Free some space or name another folder" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


def test_a_folder_that_cannot_be_made_is_a_disk_error(tmp_path: Path) -> None:
    table = study(tmp_path / "study", 2)
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="could not write"):
        build_pack(table, tmp_path / "file" / "out", PrepareConfig(size=16))


def test_a_disk_that_fills_up_later_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = study(tmp_path / "study", 100)
    from hilum.pixels import workers

    write = workers._write

    def full(file: int, pixels: memoryview, offset: int) -> None:
        if offset > 70 * 256:
            raise OSError(28, "No space left on device")
        write(file, pixels, offset)

    with monkeypatch.context() as patch:
        patch.setattr(workers, "_write", full)
        with pytest.raises(DiskError, match="No space left on device"):
            build_pack(table, tmp_path / "out", PrepareConfig(size=16), workers=1)
    assert not (tmp_path / "out").exists()
    assert len(build_pack(table, tmp_path / "out", PrepareConfig(size=16))) == 100


def test_space_is_asked_for_where_it_cannot_be_reserved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = study(tmp_path / "study", 3)
    monkeypatch.delattr(os, "posix_fallocate")  # macOS
    assert len(build_pack(table, tmp_path / "out", PrepareConfig(size=16))) == 3
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=100))
    with pytest.raises(DiskError, match="No space left"):
        build_pack(table, tmp_path / "other", PrepareConfig(size=16))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "study"]
