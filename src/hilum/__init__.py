"""hilum: a lab bench for chest X-ray classifiers.

The types that carry everything are here; `hilum.api` has a function for every command. Both are loaded when first
used, so that `import hilum` takes no time::

    import hilum

    run = hilum.api.train("recipes/pneumonia-resnet18.toml", data="pneumonia:chest_xray")
    hilum.api.evaluate(run, "test")
    model = hilum.load(run)
    model(model.prepare("film.png").unsqueeze(0))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
