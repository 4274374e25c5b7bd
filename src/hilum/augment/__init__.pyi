from .build import Augmented as Augmented
from .build import augment_pack as augment_pack
