"""What is shown and written while a run trains, beside its own folder: a table, TensorBoard, MLflow.

`lines.py` is the table after each epoch, `trackers.py` what drives the others, `events.py` what these are told.
The packages tensorboard and mlflow are imported by the one module named after each, and only where the run asks
for it; torch is not needed before.
"""

from hilum.track.check import check_track
from hilum.track.events import Epoch, Start, Tracker
from hilum.track.lines import EpochTable
from hilum.track.trackers import Trackers, open_trackers, record_result

__all__ = [
    "Epoch",
    "EpochTable",
    "Start",
    "Tracker",
    "Trackers",
    "check_track",
    "open_trackers",
    "record_result",
]
