from .listing import list_runs as list_runs
from .member import Member as Member
from .run import Run as Run
from .scored import ScoredTest as ScoredTest
from .scored import scored_test as scored_test
from .scored import scored_tests as scored_tests
from .warnings import merge_warnings as merge_warnings
from .warnings import warnings_of as warnings_of
