from .groups import Group as Group
from .groups import differing_settings as differing_settings
from .groups import group_runs as group_runs
from .groups import over_seeds as over_seeds
from .runs import RunsCompared as RunsCompared
from .runs import compare_runs as compare_runs
