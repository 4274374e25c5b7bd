from .encoder import Encoder as Encoder
from .network import forward as forward
from .origin import Origin as Origin
from .parts import raw_predictions as raw_predictions
from .predicted import Predicted as Predicted
from .predictor import Predictor as Predictor
from .predictor import load as load
from .predictor import predict as predict
