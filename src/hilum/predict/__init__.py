"""The one inference path: validation, evaluation, prediction of files and all later users go through here."""

from hilum.predict.encoder import Encoder, EncoderSettings, Vectors
from hilum.predict.files import FileResult, Predictor, expand
from hilum.predict.network import Network, classes_of, forward
from hilum.predict.origin import Origin, origin_of, settle
from hilum.predict.parts import member_predictions, open_pack, raw_predictions

__all__ = [
    "Encoder",
    "EncoderSettings",
    "FileResult",
    "Network",
    "Origin",
    "Predictor",
    "Vectors",
    "classes_of",
    "expand",
    "forward",
    "member_predictions",
    "open_pack",
    "origin_of",
    "raw_predictions",
    "settle",
]
