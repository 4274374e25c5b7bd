"""From image files to a pack of equally sized gray images.

`read.py` decodes any file to gray, `dicom.py` the DICOM ones, `header.py` tells what a file is without
decoding it; `prepare.py` makes the square that a network sees, the same for training and inference;
`build.py` packs a whole table of images and `pack.py` opens the result; `cache.py` keeps packs by content.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
