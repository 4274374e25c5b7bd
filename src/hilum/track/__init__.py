"""What is shown and written while a run trains, beside its own folder: a table, TensorBoard, MLflow.

`lines.py` is the table after each epoch, `trackers.py` what drives the others, `events.py` what these are told.
The packages tensorboard and mlflow are imported by the one module named after each, and only where the run asks
for it; torch is not needed before.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
