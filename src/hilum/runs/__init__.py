"""`Run`: everything one training was and gave, in one folder."""

from hilum.runs.kept import check_kept, part_ids
from hilum.runs.listing import list_runs
from hilum.runs.member import Member
from hilum.runs.run import FORMAT, Run
from hilum.runs.verdicts import keep_verdicts, labelled, verdicts_of

__all__ = [
    "FORMAT",
    "Member",
    "Run",
    "check_kept",
    "keep_verdicts",
    "labelled",
    "list_runs",
    "part_ids",
    "verdicts_of",
]
