"""Runs against runs: which are seeds of one recipe, whether they can be compared, and who is better."""

from hilum.compare.groups import Group, SettingRow, differing_settings, group_runs, over_seeds
from hilum.compare.runs import GroupScores, RunsCompared, compare_runs

__all__ = [
    "Group",
    "GroupScores",
    "RunsCompared",
    "SettingRow",
    "compare_runs",
    "differing_settings",
    "group_runs",
    "over_seeds",
]
