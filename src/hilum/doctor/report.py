"""What was found in a data set: a list of checks, and the counts that they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from hilum.table import Step
from hilum.text import escaped, many

Level = Literal["fault", "warning", "note", "ok"]
LEVELS: tuple[Level, ...] = ("fault", "warning", "note", "ok")
"""The worst first."""


@dataclass(frozen=True)
class Check:
    """The answer to one question.

    Attributes:
        level: `fault` spoils results, `warning` may, `note` is worth knowing, `ok` is as it should be.
        name: a short name for scripts, such as `exact-duplicates`.
        message: what was found, in a sentence or two.
        what_to_do: what a user can do about it; empty where there is nothing to do.
        details: everything that the message sums up, as JSON values.
    """

    level: Level
    name: str
    message: str
    what_to_do: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """A data set, described and checked.

    Attributes:
        source: name of the source.
        root: its folder, as it was given.
        images: rows that were examined, after the filters.
        patients: patients among them.
        steps: rows before and after each filter.
        findings: per finding: finding, positive, negative, uncertain, blank, positive_rate.
        parts: per official part: part, images, patients, and the positive rate of each finding.
        pictures: how many images there are of each size, bit depth and colour mode; empty if none was read.
        checks: what was asked and answered, in the order in which it was asked.
    """

    source: str
    root: str
    images: int = 0
    patients: int = 0
    steps: tuple[Step, ...] = ()
    findings: tuple[dict[str, Any], ...] = ()
    parts: tuple[dict[str, Any], ...] = ()
    pictures: dict[str, Any] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()

    @property
    def healthy(self) -> bool:
        """Whether nothing was found that would spoil results."""
        return not self.of("fault")

    def of(self, level: Level) -> tuple[Check, ...]:
        """The checks that ended at this level."""
        return tuple(check for check in self.checks if check.level == level)

    def check(self, name: str) -> Check | None:
        """The check of this name, the worst where there are several, or None."""
        named = [check for check in self.checks if check.name == name]
        return min(named, key=lambda check: LEVELS.index(check.level), default=None)

    @property
    def headline(self) -> str:
        """One line: what it is and how it fares."""
        found = [many(len(checks), level) for level in LEVELS[:3] if (checks := self.of(level))]
        return (
            f"{self.source} in {self.root}: {self.images:,} images of {self.patients:,} patients, "
            f"{', '.join(found) or 'nothing to complain of'}"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON values."""
        told = {"source": self.source, "root": self.root, "healthy": self.healthy, **asdict(self)}
        return told | {"steps": [step.to_json() for step in self.steps]}

    @property
    def _told(self) -> list[Check]:
        """What was found amiss, the worst first."""
        return [check for level in LEVELS[:3] for check in self.of(level)]

    def __repr__(self) -> str:
        lines = (
            f"{check.level.upper()} {check.message}"
            + (f"\n    {check.what_to_do}" if check.what_to_do else "")
            for check in self._told
        )
        return "\n".join([self.headline, *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td><b>{check.level}</b></td><td style='text-align:left'>{escaped(check.message)}<br>"
            f"<i>{escaped(check.what_to_do)}</i></td></tr>"
            for check in self._told
        )
        return f"<p><b>{escaped(self.headline)}</b></p><table>{rows}</table>"
