"""A run that was given as an object or as its folder, and its report."""

from __future__ import annotations

from pathlib import Path

from hilum.device import leads
from hilum.progress import say
from hilum.report import write_report
from hilum.runs import Run
from hilum.track import record_result


def opened(run: Run | str | Path) -> Run:
    """The run itself."""
    return run if isinstance(run, Run) else Run.open(run)


def with_report(run: Run) -> Run:
    """Write the run's report and tell the trackers of its result, on one process of several."""
    if leads():
        write_report(run)
        record_result(run, say)
    return run
