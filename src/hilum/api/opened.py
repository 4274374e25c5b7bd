"""What several functions need: the run itself, its report, and arguments by their former names."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from hilum.device import leads
from hilum.progress import say
from hilum.report import write_report
from hilum.runs import Run
from hilum.track import record_result

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def opened(run: Run | str | Path) -> Run:
    """The run itself."""
    return run if isinstance(run, Run) else Run(run)


def with_report(run: Run) -> Run:
    """Write the run's report and tell the trackers of its result, on one process of several."""
    if leads():
        write_report(run)
        record_result(run, say)
    return run


def formerly(**names: str) -> Callable[[Callable[_Given, _Result]], Callable[_Given, _Result]]:
    """Take arguments by their names of the release before too (former name -> today's), with a warning."""

    def around(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
        @functools.wraps(function)
        def call(*args: Any, **given: Any) -> _Result:
            for former in names.keys() & given.keys():
                said = f"{function.__name__}: {former} is called {names[former]} now, and will go."
                warnings.warn(said, DeprecationWarning, stacklevel=2)
                given[names[former]] = given.pop(former)
            return function(*args, **given)

        return cast("Callable[_Given, _Result]", call)

    return around
