"""`Run`: everything one training was and gave, in one folder."""

from hilum.runs.kept import check_kept, part_ids
from hilum.runs.listing import list_runs
from hilum.runs.member import Member
from hilum.runs.run import FORMAT, Run
from hilum.runs.scored import ScoredTest, scored_test, scored_tests
from hilum.runs.verdicts import keep_verdicts, labelled, verdicts_of
from hilum.runs.warnings import gathered, told_by

__all__ = [
    "FORMAT",
    "Member",
    "Run",
    "ScoredTest",
    "check_kept",
    "gathered",
    "keep_verdicts",
    "labelled",
    "list_runs",
    "part_ids",
    "scored_test",
    "scored_tests",
    "told_by",
    "verdicts_of",
]
