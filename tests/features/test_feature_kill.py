"""SIGKILL at any moment: what was written stays, nothing twice, and the same call goes on."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from small_store import random_encoder

from hilum.errors import DataError
from hilum.features import EncoderInfo, FeatureStore
from hilum.features.embedding import embed
from hilum.pixels import Pack

PARENT = """
import os, signal, sys
sys.path[:0] = sys.argv[3:]
from hilum.features import FeatureStore
from hilum.features import embedding
from hilum.pixels.pack import Pack
from small_store import random_encoder
for _ in sys.stdin:
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        print("gone", flush=True)
    else:
        encoder, pack = random_encoder(), Pack(sys.argv[1])
        store = FeatureStore(sys.argv[2], create=True)
        print(os.getpid(), flush=True)
        embedding.WRITE_EVERY = 0
        embedding.embed(encoder, pack, store, batch=2)
        signal.pause()
"""
"""Imports everything once, and embeds in a child for each line that it reads; a child ends only by a kill."""


@contextmanager
def killer(pack: Pack, store: Path) -> Iterator[Callable[[float], None]]:
    """Embed in another process, and kill it as many seconds after it began as the function that is given says."""
    command = [sys.executable, "-c", PARENT, str(pack.path), str(store), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        asked, told = parent.stdin, parent.stdout

        def killed_after(wait: float) -> None:
            asked.write("embed\n")
            asked.flush()
            child = int(told.readline())
            time.sleep(wait)
            os.kill(child, signal.SIGKILL)
            assert told.readline() == "gone\n"

        yield killed_after
        asked.close()


def test_killed_runs_lose_nothing_that_was_written(tmp_path: Path, drawn_pack: Pack) -> None:
    store, drawn = tmp_path / "features", random.Random(0)
    written: list[int] = []
    with killer(drawn_pack, store) as killed_after:
        for wait in (0.02, 0.15, drawn.uniform(0.1, 0.5)):
            killed_after(wait)
            opened = FeatureStore(store, create=True)
            here = opened.encoders()
            written.append(len(opened.table(here[0])) if here else 0)
    assert written == sorted(written)
    opened = FeatureStore(store, create=True)
    found = embed(random_encoder(), drawn_pack, opened)
    assert found.added == 40 - written[-1]
    features = opened.features()
    assert sorted(features.image_ids) == sorted(drawn_pack.table.image_ids)
    direct = random_encoder().vectors(drawn_pack.images(drawn_pack.slots))
    rows = features.rows(drawn_pack.table.image_ids)
    np.testing.assert_allclose(features.avg[rows], direct.avg, atol=1e-5)
    np.testing.assert_allclose(features.max[rows], direct.max, atol=1e-5)


@pytest.mark.parametrize("within", [(), ("_versions", "data", "_transactions")])
def test_tables_that_a_kill_left_unmade(tmp_path: Path, drawn_pack: Pack, within: tuple[str, ...]) -> None:
    store = tmp_path / "features"
    for name in ("encoders", "findings", EncoderInfo.of(random_encoder().settings(drawn_pack.prepare)).table):
        for folder in (name + ".lance", *(f"{name}.lance/{part}" for part in within)):
            (store / folder).mkdir(parents=True)
    with pytest.raises(DataError, match="is no feature store"):
        FeatureStore(store)
    opened = FeatureStore(store, create=True)
    assert embed(random_encoder(), drawn_pack, opened).added == 40
    shutil.rmtree(store / "encoders.lance")
    assert embed(random_encoder(), drawn_pack, opened).present == 40
    shutil.rmtree(store / f"{opened.encoder().table}.lance")
    with pytest.raises(DataError, match="has lost the vectors"):
        opened.features()


def test_a_failure_between_writes_keeps_the_former(
    empty: FeatureStore, drawn_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = random_encoder()
    whole = encoder.pack

    def failing(*args):  # type: ignore[no-untyped-def]
        for step, found in enumerate(whole(*args)):
            if step == 3:
                raise KeyboardInterrupt
            yield found

    monkeypatch.setattr(encoder, "pack", failing)
    monkeypatch.setattr("hilum.features.embedding.WRITE_EVERY", 0)
    with pytest.raises(KeyboardInterrupt):
        embed(encoder, drawn_pack, empty, batch=4)
    assert len(empty.features()) == 12
    assert embed(random_encoder(), drawn_pack, empty).added == 28


def test_readers_see_whole_rows_while_one_writes(
    empty: FeatureStore, drawn_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hilum.features.embedding.WRITE_EVERY", 0)
    embed(random_encoder(), drawn_pack, empty)
    truth = empty.features()
    counts, stop = [], threading.Event()

    def read() -> None:
        reader = FeatureStore(empty.url)
        while not stop.is_set():
            features = reader.features()
            counts.append(len(features))
            np.testing.assert_allclose(features.avg, truth.avg[truth.rows(features.image_ids)], atol=1e-5)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(3):
        table = empty.table(empty.encoder())
        rows = table.known()
        order = truth.rows(rows["image_id"])
        table.add(rows, truth.avg[order], truth.max[order])
        table.tidy(over=1)
    stop.set()
    reader.join()
    assert set(counts) == {40}


def test_a_second_writer_waits(
    empty: FeatureStore, drawn_pack: Pack, capfd: pytest.CaptureFixture[str]
) -> None:
    with empty.writing():
        second = threading.Thread(
            target=embed, args=(random_encoder(), drawn_pack, FeatureStore(empty.url, create=True))
        )
        second.start()
        time.sleep(0.5)
        assert empty.encoders() == []
    second.join()
    assert len(empty.features()) == 40
    assert "waiting, for it is being written by process" in capfd.readouterr().err
