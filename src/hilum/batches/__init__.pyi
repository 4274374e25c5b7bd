from .augment import AugmentParams as AugmentParams
from .copying import copies as copies
from .copying import count as count
from .feed import Batch as Batch
from .feed import Feed as Feed
from .gather import gathering as gathering
