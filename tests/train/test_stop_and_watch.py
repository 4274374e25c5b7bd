"""Stopping between batches, and what a user sees."""

from __future__ import annotations

import signal
import threading

import pytest

from hilum.train.stop import stop_requests
from hilum.train.watch import Watch


def test_a_signal_sets_a_flag_and_a_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_requests() as asked:
        assert not asked()
        signal.raise_signal(signal.SIGTERM)
        assert asked()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_outside_the_main_thread_nothing_is_asked() -> None:
    seen = []

    def work() -> None:
        with stop_requests() as asked:
            seen.append(asked())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]


def _entry(epoch: int) -> dict[str, object]:
    mean = {"roc_auc": {"value": 0.912345}, "average_precision": {"value": None}}
    return {
        "epoch": epoch,
        "lr": 1e-3,
        "train": {"loss": 0.5},
        "improved": epoch == 1,
        "seconds": 12.0,
        "images_per_second": 1234.5,
        "valid": {"loss": 0.25, "scores": {"mean": mean}},
    }


def test_a_line_per_epoch_under_one_heading(capfd: pytest.CaptureFixture[str]) -> None:
    watch = Watch()
    watch.epoch(_entry(1), 10)
    watch.epoch(_entry(2), 10)
    captured = capfd.readouterr()
    assert captured.out == ""
    heading, first, second = captured.err.splitlines()
    assert heading.split()[:4] == ["epoch", "lr", "train", "valid"]
    assert first.split() == [
        "1/10",
        "1.00e-03",
        "0.5000",
        "0.2500",
        "0.912",
        "–",
        "–",
        "–",
        "–",
        "–",
        "1234.5",
        "12.0",
        "best",
    ]
    assert first.index("0.912") + 5 == heading.index("AUC") + 3
    assert "best" not in second


def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    watch = Watch(quiet=True)
    watch.epoch(_entry(1), 10)
    watch.say("hello")
    with watch.steps("epoch", 10, 0) as step:
        step(5, lambda: 0.1)
    assert capfd.readouterr() == ("", "")


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("hilum.train.watch.SECONDS_BETWEEN_UPDATES", 0.0)
    asked = []
    with Watch().steps("epoch 1/1", 10, 5) as step:
        step(5, lambda: asked.append(1) or 0.1)
    assert asked == [1]
