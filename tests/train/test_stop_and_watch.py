"""Stopping between batches, and what a user sees."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from small_runs import weights_of, with_settings

from hilum.config import Config
from hilum.errors import Stopped
from hilum.runs import list_runs
from hilum.train import learner
from hilum.train.console import Console
from hilum.train.session import resume, train
from hilum.train.signals import StopRequests

HEADING_EVERY = 30


def test_a_signal_sets_a_flag_and_a_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with StopRequests() as asked:
        assert not asked.by
        signal.raise_signal(signal.SIGTERM)
        assert asked.by
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_is_asked() -> None:
    seen = []

    def work() -> None:
        with StopRequests() as asked:
            seen.append(asked.by)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [0]


def _entry(epoch: int) -> dict[str, object]:
    mean = {"roc_auc": {"value": 0.912345}, "average_precision": {"value": None}}
    scores = {"mean": mean, "combined": {}, "per_finding": {"Edema": {}}}
    return {
        "epoch": epoch,
        "lr": 1e-3,
        "train": {"loss": 0.5, "scores": scores},
        "improved": epoch == 1,
        "seconds": 12.0,
        "images_per_second": 1234.5,
        "valid": {"loss": 0.25, "scores": scores},
    }


def test_a_line_per_epoch_under_headings(capfd: pytest.CaptureFixture[str]) -> None:
    watch = Console()
    for epoch in range(1, HEADING_EVERY + 2):
        watch.epoch(_entry(epoch), Config())
    captured = capfd.readouterr()
    assert captured.out == ""
    above, names, first, second, *_ = captured.err.splitlines()
    assert above.split() == ["loss", "scores", "of", "valid"]
    assert names.split()[:4] == ["epoch", "lr", "train", "valid"]
    assert first.split() == ["1/8", "1.0e-03", "0.5000", "0.2500", "0.912", *5 * "–", "1234", "12.0s", "best"]
    assert first.index("0.912") + 5 == names.index("AUC") + 3
    assert "best" not in second
    assert [n for n, line in enumerate(captured.err.splitlines()) if line == names] == [1, HEADING_EVERY + 3]


def test_a_narrow_terminal_says_which_columns_it_has_no_room_for(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hilum.track.lines._terminal_width", lambda: 44)
    Console().epoch(_entry(1), Config())
    note, *lines = capfd.readouterr().err.splitlines()
    assert note.startswith("no room here for accuracy, f1, precision")
    assert max(map(len, lines)) <= 44


def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    watch = Console(quiet=True)
    watch.epoch(_entry(1), Config())
    watch.say("hello")
    with watch.steps("epoch", 10, 0) as step:
        step(5, lambda: 0.1)
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("hilum.train.console._SECONDS_BETWEEN_UPDATES", 0.0)
    asked = []
    with Console().steps("epoch 1/1", 10, 5) as step:
        step(5, lambda: asked.append(1) or 0.1)
    assert asked == [1]


def test_a_signal_while_an_epoch_is_validated_loses_nothing(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_settings(config, "train.epochs=2", "train.ema=0.9")
    whole = train(config, folder=tmp_path / "whole", quiet=True)
    forward = learner.forward

    def signalled(model: object, batches: Iterable[object], *rest: object) -> object:
        signal.raise_signal(signal.SIGTERM)
        return forward(model, batches, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(learner, "forward", signalled)
        with pytest.raises(Stopped, match="in epoch 1 after step 5 of 5; all is saved") as raised:
            train(config, folder=tmp_path / "cut", quiet=True)
    assert raised.value.exit_code == 143
    cut = resume(list_runs(tmp_path / "cut")[0].path, quiet=True)
    for name in ("last", "best"):
        one, two = (weights_of(run.path / "checkpoints" / f"{name}.safetensors") for run in (whole, cut))
        assert all(np.array_equal(one[key], two[key]) for key in one)
    assert [entry["train"]["loss"] for entry in cut.history] == [
        entry["train"]["loss"] for entry in whole.history
    ]


def test_an_epoch_of_minutes_is_told_of_off_a_terminal(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hilum.train.console.SECONDS_BETWEEN_LINES", 0.0)
    with Console().steps("epoch 2/8", 100, 20) as step:
        step(16, lambda: pytest.fail("off a terminal nobody asks for the loss"))
    assert capfd.readouterr().err.startswith("epoch 2/8: 16 of 80 images, ")
