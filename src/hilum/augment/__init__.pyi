from .build import Augmented as Augmented
from .build import augment_pack as augment_pack
from .build import replay as replay
from .plan import Copies as Copies
from .plan import plan_copies as plan_copies
from .presets import STRENGTHS as STRENGTHS
from .presets import strength as strength
