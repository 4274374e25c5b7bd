from .events import Epoch as Epoch
from .lines import EpochTable as EpochTable
from .trackers import Trackers as Trackers
from .trackers import check_track as check_track
from .trackers import record_result as record_result
