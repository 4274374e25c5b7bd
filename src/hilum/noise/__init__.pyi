from .find import find_suspects as find_suspects
from .suspects import REASONS as REASONS
from .suspects import Suspect as Suspect
from .suspects import Suspects as Suspects
from .suspects import check_out as check_out
