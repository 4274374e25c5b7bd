"""A build that is killed goes on where it was, and ends the same."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import study

from hilum.config import PrepareConfig
from hilum.errors import InUse, PackError
from hilum.pixels import site
from hilum.pixels.build import build_pack
from hilum.pixels.pack import Pack
from hilum.pixels.workers import Journal, _Chunk
from hilum.table import Table

SMALL = PrepareConfig(size=16)
KILLS = 10
KILLER = """
import os, random, signal, sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from pictures import table_of
from hilum.config import PrepareConfig
from hilum.pixels import workers
from hilum.pixels.build import build_pack
from hilum.pixels.pack import JOURNAL, partial_path

load = workers.read_picture
workers.read_picture = lambda *given: (time.sleep(0.004), load(*given))[1]  # long enough to be killed within
root, out, draws = Path({root!r}), Path({out!r}), random.Random(20)

def lines():
    journal = partial_path(out) / JOURNAL
    return journal.read_bytes().count(b"\\n") if journal.exists() else 0

for kill in range({kills}):
    before = lines()
    child = os.fork()  # imports are done, no threads are started: a fresh process in a millisecond
    if not child:
        table = table_of(root, sorted(path.name for path in root.iterdir()))
        build_pack(table, out, PrepareConfig(size=16), workers=2)
        os._exit(0)
    # Every second time not before some work is journalled, however slow the machine is just now.
    while kill % 2 and lines() < before + 2 and not out.exists():
        time.sleep(0.005)
    time.sleep(draws.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(os.WIFSIGNALED(status), out.exists(), flush=True)
"""


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return study(tmp_path_factory.mktemp("study"), 800)


@pytest.fixture(scope="module")
def whole(table: Table, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return build_pack(table, tmp_path_factory.mktemp("packs") / "whole", SMALL)


def test_killed_at_ten_random_moments_the_pack_is_the_same(table: Table, whole: Pack, tmp_path: Path) -> None:
    out = tmp_path / "out"
    tests = str(Path(__file__).parent)
    script = KILLER.format(tests=tests, root=str(table.root), out=str(out), kills=KILLS)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == KILLS * ["True False"], done.stderr  # killed at work, every time
    assert "images are done" in done.stderr
    with pytest.raises(PackError, match="is not finished"):
        Pack(out)
    pack = build_pack(table, out, SMALL)
    assert pack.fingerprint == whole.fingerprint
    assert (pack.pixels == whole.pixels).all()
    assert pack.stats.equals(whole.stats)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def interrupt(table: Table, out: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> BaseException:
    """Break a build off once it has finished so many chunks, which come one or several at a time; says how."""
    run = site.run

    def some(*given: object) -> object:
        done = 0
        for chunks in run(*given):
            yield chunks
            done += len(chunks)
            if done >= after:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(site, "run", some)
        with pytest.raises(KeyboardInterrupt) as raised:
            build_pack(table, out, SMALL, workers=1)
    return raised.value


def test_a_resumed_build_repeats_nothing_and_says_so(
    table: Table,
    whole: Pack,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    interrupt(table, out, monkeypatch, 3)
    with pytest.raises(
        PackError, match=r"is not finished: .*out\.partial is half-built.*go on where it stopped"
    ):
        Pack(out)
    left: set[int] = set()
    run = site.run
    monkeypatch.setattr(site, "run", lambda *given: (left.update(given[3]), run(*given))[1])
    assert build_pack(table, out, SMALL).fingerprint == whole.fingerprint
    assert len(left) >= 3
    assert f"going on with {out}.partial: {32 * len(left)} of 800 images are done" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["settings", "table"])
def test_other_content_starts_afresh_and_says_so(
    table: Table,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: str,
) -> None:
    out = tmp_path / "out"
    interrupt(table, out, monkeypatch, 2)
    other, config = (
        (table, PrepareConfig(size=20)) if change == "settings" else (table.take(range(300)), SMALL)
    )
    pack = build_pack(other, out, config)
    assert "was begun with another table or other settings; starting afresh" in capsys.readouterr().err
    assert pack.fingerprint == build_pack(other, tmp_path / "direct", config).fingerprint


def test_an_image_that_changed_meanwhile_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, out = study(tmp_path / "study", 100), tmp_path / "out"
    interrupt(table, out, monkeypatch, 3)
    (table.root / "0001.png").write_bytes((table.root / "0002.png").read_bytes())
    pack = build_pack(table, out, SMALL)
    assert (pack.pixels[1] == pack.pixels[2]).all()
    assert pack.fingerprint == build_pack(table, tmp_path / "direct", SMALL).fingerprint


def test_a_resumed_build_leaves_no_partial_files(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(table, tmp_path / "out", monkeypatch, 1)
    (tmp_path / "out.partial" / ".stats.parquet.4242-7.partial").write_text("half")
    build_pack(table, tmp_path / "out", SMALL)
    assert not list(tmp_path.rglob(".*"))


def test_an_interrupted_build_says_how_to_go_on(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = interrupt(table, tmp_path / "out", monkeypatch, 1)
    said = f"{tmp_path / 'out.partial'} keeps what is done; give the same command again to go on."
    assert error.__notes__ == [said]


def test_a_folder_that_only_looks_half_built_is_left_alone(table: Table, tmp_path: Path) -> None:
    mine = tmp_path / "out.partial" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work")
    with pytest.raises(PackError, match=r"is not a half-built pack: it holds thesis\.txt"):
        build_pack(table, tmp_path / "out", SMALL)
    assert mine.read_text() == "years of work"


def test_a_kill_before_the_last_rename_costs_nothing(
    table: Table, whole: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            build_pack(table, out, SMALL)
    assert not out.exists()
    monkeypatch.setattr("hilum.pixels.workers.read_picture", killed)
    assert build_pack(table, out, SMALL).fingerprint == whole.fingerprint


def test_two_builds_of_one_pack_do_not_mix(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run = site.run

    refused: list[BaseException | None] = []

    def meanwhile(*given: object) -> object:
        with ThreadPoolExecutor(1) as other:
            refused.append(other.submit(build_pack, table, out, SMALL).exception())
        return run(*given)

    monkeypatch.setattr(site, "run", meanwhile)
    assert len(build_pack(table, out, SMALL)) == 800
    assert [type(error) for error in refused] == [InUse]


@given(st.integers(0, 5), st.data())
@settings(max_examples=60)
def test_a_journal_cut_anywhere_keeps_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, count: int, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    journal = Journal(path, "key")
    chunks = [_Chunk(index, "s", [1, 2], [1, 4], ["aa", "bb"], {"1": "torn ☢"}) for index in range(count)]
    for chunk in chunks:
        journal.add([chunk])
    journal.close()
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    again = Journal(path, "key")
    found = list(again.chunks.values())
    again.add([_Chunk(9)])
    again.close()
    lines = max(content[:cut].count(b"\n") - 1, 0)
    assert found == chunks[:lines]
    for line in path.read_bytes().splitlines():
        json.loads(line)
    final = Journal(path, "key")
    final.close()
    assert list(final.chunks) == [*range(lines), 9]
