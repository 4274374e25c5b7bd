from .embedding import Embedded as Embedded
from .embedding import embed as embed
from .encoders import EncoderInfo as EncoderInfo
from .nearest import neighbours as neighbours
from .reopening import reopen as reopen
from .store import FeatureStore as FeatureStore
from .vectors import Features as Features
