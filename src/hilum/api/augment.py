"""Changed copies of a pack's images, written once."""

from hilum.augment import augment_pack
from hilum.config import with_fields

augment = with_fields(augment_pack)
