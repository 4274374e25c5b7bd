"""The one inference path: validation, evaluation, prediction of files and all later users go through here."""

from hilum.predict.files import FileResult, Predictor, expand
from hilum.predict.network import Network, classes_of, forward
from hilum.predict.parts import member_predictions, open_pack, raw_predictions

__all__ = [
    "FileResult",
    "Network",
    "Predictor",
    "classes_of",
    "expand",
    "forward",
    "member_predictions",
    "open_pack",
    "raw_predictions",
]
