"""The commands as functions: the same names, the same work, objects in place of print-outs.

The whole way in small, on drawn films (a test runs it):

    >>> from hilum import api
    >>> study = api.phantom("study", patients=60)
    >>> pack = api.pack("chexpert", "study", "pack", prepare=api.PrepareConfig(size=64))
    >>> change = ["prepare.size=64", "split.test=0.3", "train.epochs=1", 'data.findings=["Support Devices"]']
    >>> run = api.train("phantom-resnet18", data=pack.path, change=change, quiet=True)
    >>> api.evaluate(run, "test").text("roc_auc")
    '0... [0..., 0...]'

Vectors once, classifiers on them, the best against the network that it came from:

    >>> embedded = api.embed(run.path, pack, "features")
    >>> head = api.heads("features", recipe=run.config, kinds=["logistic"], poolings=["avg"])
    >>> scores = api.evaluate(head, "test")
    >>> api.compare([run, head]).sentences
    ['heads/phantom-resnet18-1 is ... runs/phantom-resnet18-1: ROC AUC 0...']
    >>> api.similar("features", pack.table.image_ids[0], k=3).frame.height
    3
    >>> found = api.noise("features", ["Support Devices"], out="suspects")

A reader looks at `suspects/suspects.html` and fills the column verdict of `suspects/overlay.csv`;
`change=["labels.overlay=suspects/overlay.csv"]` trains with it.
"""

from hilum.api.augment import augment
from hilum.api.data import arrange, data_report, pack, table
from hilum.api.features import embed, similar
from hilum.api.heads import heads
from hilum.api.noise import noise
from hilum.api.scoring import compare, ensemble, evaluate, judge, report
from hilum.api.training import leaderboard, repeat, reproduce, resume, train
from hilum.check import check
from hilum.config import CleanConfig, Config, PrepareConfig, make_config, read_config
from hilum.doctor import doctor
from hilum.models import MODELS, describe_model
from hilum.predict import predict
from hilum.table import SOURCES
from hilum_phantom import make_phantom as phantom

__all__ = [
    "MODELS",
    "SOURCES",
    "CleanConfig",
    "Config",
    "PrepareConfig",
    "arrange",
    "augment",
    "check",
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
