"""What an ensemble is made of, beside what its members score alone."""

from __future__ import annotations

from dataclasses import dataclass

from hilum.errors import HilumError
from hilum.report.content import Part
from hilum.report.values import Value, value_of
from hilum.runs import Member, Run


@dataclass(frozen=True)
class Alone:
    """One member.

    Attributes:
        name: its run, and the epoch where it is not the best one.
        model: the network; empty where the run is gone.
        weight: its share of the average, all together 1.
        seed: of its training.
        roc_auc: on the part that the report shows, where it was scored there.
    """

    name: str
    model: str
    weight: float
    seed: int | None
    roc_auc: Value


def members_of(run: Run, parts: list[Part]) -> list[Alone]:
    """The members of an ensemble; none for a run that was trained."""
    total = sum(member.weight for member in run.members)
    return [_alone(member, member.weight / total, parts[0].name if parts else "") for member in run.members]


def _alone(member: Member, weight: float, part: str) -> Alone:
    name = member.path.name if member.epoch is None else f"{member.path.name}, epoch {member.epoch}"
    try:
        run = Run.open(member.path)
        scores = run.scores(part) if part and member.epoch is None else None
        value = value_of(scores, "roc_auc") if scores else Value(float("nan"))
        return Alone(name, run.config.model.name, weight, run.config.seed, value)
    except HilumError:
        return Alone(name, "", weight, None, Value(float("nan")))
