"""`Run`: everything one training was and gave, in one folder."""

from hilum.runs.kept import check_kept, part_ids
from hilum.runs.listing import list_runs
from hilum.runs.run import FORMAT, Member, Run

__all__ = ["FORMAT", "Member", "Run", "check_kept", "list_runs", "part_ids"]
