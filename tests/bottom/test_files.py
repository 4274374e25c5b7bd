"""Files are whole or not there; a refused write says so."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hilum.errors import DiskError, did_you_mean, nearest
from hilum.files import read_json, remove_leftovers, whole_file, write_json, write_text


def test_a_failed_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "before")

    def fail_in_the_middle() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fail_in_the_middle()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_json_round_trip_and_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "deep" / "a.json", {"é": [1, None]})
    assert read_json(tmp_path / "deep" / "a.json") == {"é": [1, None]}
    with pytest.raises(ValueError):
        write_json(tmp_path / "nan.json", float("nan"))


def test_a_full_disk_is_one_clear_message(tmp_path: Path) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    code = """
import sys
from pathlib import Path
from hilum.errors import DiskError
from hilum.files import write_text
try:
    write_text(Path(sys.argv[1]), "x" * 50_000)
except DiskError as error:
    print(error)
"""
    path = tmp_path / "big.txt"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], preexec_fn=limit, capture_output=True, text=True, check=True
    )
    assert "could not write" in done.stdout
    assert "Free some space" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="could not write"):
        write_text(tmp_path / "file" / "below.txt", "x")


def test_nearest_name() -> None:
    assert nearest("oedema", ["Edema", "Fracture"]) == "Edema"
    assert nearest("zzz", ["Edema"]) is None
    assert did_you_mean("zzz", ["Edema", "Fracture"]) == "known: Edema, Fracture"


def test_what_a_killed_write_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    deep = tmp_path / "checkpoints"
    deep.mkdir()
    left = [tmp_path / ".run.json.12-34.partial", deep / ".last.safetensors.1-2.partial"]
    kept = [tmp_path / "run.json", deep / "a.partial", deep / ".hidden"]
    for path in [*left, *kept]:
        path.write_text("")
    remove_leftovers(tmp_path)
    assert not any(path.exists() for path in left)
    assert all(path.exists() for path in kept)
