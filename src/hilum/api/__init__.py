"""The commands as functions: the same names, the same work, objects in place of print-outs."""

from hilum.api.augment import augment
from hilum.api.data import arrange, data_report, pack, table
from hilum.api.features import embed, similar
from hilum.api.heads import heads
from hilum.api.noise import noise
from hilum.api.scoring import compare, ensemble, evaluate, judge, predict, report
from hilum.api.training import leaderboard, repeat, reproduce, resume, train
from hilum.config import CleanConfig, Config, PrepareConfig, make_config, read_config
from hilum.doctor import doctor
from hilum.models import MODELS, describe_model
from hilum.phantom import make_phantom as phantom
from hilum.table.sources import SOURCES

__all__ = [
    "MODELS",
    "SOURCES",
    "CleanConfig",
    "Config",
    "PrepareConfig",
    "arrange",
    "augment",
    "compare",
    "data_report",
    "describe_model",
    "doctor",
    "embed",
    "ensemble",
    "evaluate",
    "heads",
    "judge",
    "leaderboard",
    "make_config",
    "noise",
    "pack",
    "phantom",
    "predict",
    "read_config",
    "repeat",
    "report",
    "reproduce",
    "resume",
    "similar",
    "table",
    "train",
]
