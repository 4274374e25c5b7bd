"""What drives the trackers: one call at the start, one after each epoch, one when scores of a part are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from hilum.runs import Run
from hilum.track.check import installed
from hilum.track.events import Epoch, Start, Tracker

Say = Callable[[str], None]


class Trackers:
    """All trackers of a run, none of which can end its training."""

    def __init__(self, trackers: Mapping[str, Tracker], say: Say) -> None:
        """`trackers` by the name that a warning calls them."""
        self._trackers, self._say = dict(trackers), say
        self._told: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._trackers)

    def start(self, start: Start) -> None:
        """Tell all."""
        self._each(lambda tracker: tracker.start(start))

    def epoch(self, epoch: Epoch) -> None:
        """Tell all."""
        self._each(lambda tracker: tracker.epoch(epoch))

    def close(self) -> None:
        """Tell all."""
        self._each(lambda tracker: tracker.close())

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in self._trackers.items():
            try:
                call(tracker)
            except (
                Exception
            ) as error:  # A server that is gone, a full disk: hours of training must outlive it.
                if name not in self._told:
                    self._told.add(name)
                    self._say(
                        f"warning: {name}: {_first_line(error)} Training goes on; the run's folder has all."
                    )


@contextmanager
def open_trackers(run: Run, epochs_done: int, say: Say, *, leads: bool = True) -> Iterator[Trackers]:
    """The trackers that the run's settings ask for, closed at the end of the block.

    Args:
        run: whose training is followed.
        epochs_done: whole epochs behind it; later ones are written anew.
        say: tells the user a line.
        leads: whether this process writes; the others have no trackers.
    """
    config = run.config.track
    makers: dict[str, Callable[[], Tracker]] = {}
    if leads and (config.tensorboard == "on" or (config.tensorboard == "auto" and installed("tensorboard"))):
        makers["TensorBoard"] = lambda: _tensorboard(run, epochs_done)
    if leads and config.mlflow:
        makers["MLflow"] = lambda: _mlflow(run)
    made: dict[str, Tracker] = {}
    for name, make in makers.items():
        try:
            made[name] = make()
        except Exception as error:  # Packages that do not go together, a disk that is full.
            say(f"warning: {name}: {_first_line(error)} Training goes on without it.")
    trackers = Trackers(made, say)
    try:
        yield trackers
    finally:
        trackers.close()


def record_result(run: Run, say: Say) -> None:
    """Tell the trackers the scores of the best weights, after a training and after every later evaluation.

    Args:
        run: with scores of a part or several, and its report.
        say: tells the user a line where a tracker fails.
    """
    config = run.config.track
    steps: dict[str, Callable[[Run], None]] = {}
    # A run that has no events, because tensorboard came later or was off, is left so.
    if config.tensorboard != "off" and installed("tensorboard") and (run.path / "tensorboard").is_dir():
        from hilum.track.tensorboard import write_result

        steps["TensorBoard"] = write_result
    if config.mlflow and installed("mlflow"):
        from hilum.track.mlflow import log_result

        steps["MLflow"] = log_result
    for name, step in steps.items():
        try:
            step(run)
        except Exception as error:  # The scores are in the run already.
            say(f"warning: {name}: {_first_line(error)} The run's folder has all.")


def _tensorboard(run: Run, epochs_done: int) -> Tracker:
    from hilum.track.tensorboard import TensorBoard

    return TensorBoard(run, epochs_done)


def _mlflow(run: Run) -> Tracker:
    from hilum.track.mlflow import MLflow

    return MLflow(run)


def _first_line(error: Exception) -> str:
    """What went wrong in one line of 200 characters at most, ended by a full stop."""
    text = " ".join((str(error).strip().splitlines() or [type(error).__name__])[0].split())
    return f"{text if len(text) <= 200 else text[:199] + '…'}{'' if text.endswith('.') else '.'}"
