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
    >>> api.similar("features", pack.table.image_ids[0], top=3).frame.height
    3
    >>> found = api.noise("features", ["Support Devices"], out="suspects")

A reader looks at `suspects/suspects.html` and fills the column verdict of `suspects/overlay.csv`;
`change=["labels.overlay=suspects/overlay.csv"]` trains with it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
