"""How often a gap is named where there is none, and where there is one; docs/subgroups.md has the long figures."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from subgroup_data import draw_part

from hilum.metrics.by_group.scores import Subgroups, subgroups


def reports(count: int, patients: int, first: int = 10_000, **kind: Any) -> list[Subgroups]:
    drawn = (draw_part(patients, first + seed, **kind) for seed in range(count))
    return [subgroups(one.predictions, one.thresholds, one.images) for one in drawn]


def named(found: list[Subgroups]) -> float:
    return sum(bool(one.gaps) for one in found) / len(found)


def with_gap(found: list[Subgroups], attribute: str) -> float:
    return sum(
        any(gap.attribute == attribute and gap.finding == "Finding 1" for gap in one.gaps) for one in found
    ) / len(found)


def test_without_a_gap_few_reports_name_one() -> None:
    assert named(reports(40, 300)) <= 0.075


def test_large_gaps_are_named() -> None:
    assert with_gap(reports(10, 500, old=0.7), "age") >= 0.8
    assert with_gap(reports(10, 300, leads=0.6), "leads") >= 0.9


def test_a_shortcut_that_nearly_always_goes_with_the_label_is_named_by_the_few_exceptions() -> None:
    found = reports(10, 600, leads=0.95)
    cells = [c for one in found for c in one.cells if (c.attribute, c.finding) == ("leads", "Finding 1")]
    assert sum(cell.few for cell in cells) >= 5
    assert with_gap(found, "leads") >= 0.8


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("patients", [150, 500])
@pytest.mark.parametrize("kind", [{}, {"findings": 12}, {"strength": 3.0}, {"strength": 0.5}], ids=str)
def test_at_most_one_report_in_twenty_names_a_gap_that_is_not_there(
    patients: int, kind: dict[str, Any]
) -> None:
    found = reports(1000, patients, **kind)
    tests = found[0].tests
    sys.stdout.write(f"\nno gap, {patients} patients, {kind}: {named(found):.3f}, {tests} tests\n")
    # Measured: 0 to 0.3 %; 5 % is what is promised.
    assert named(found) <= 0.01


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_power_for_gaps_of_given_size() -> None:
    rows = []
    for patients in (250, 500, 1000, 2000):
        for old in (0.25, 0.5, 0.75):
            found = reports(100, patients, old=old)
            rows.append(("age", patients, old, with_gap(found, "age")))
        for leads in (0.2, 0.4, 0.6):
            found = reports(100, patients, leads=leads)
            rows.append(("leads", patients, leads, with_gap(found, "leads")))
    for row in rows:
        sys.stdout.write("{} {} patients, {}: {:.2f}\n".format(*row))
    power = {(name, patients, size): share for name, patients, size, share in rows}
    assert power["age", 1000, 0.75] > 0.95
    assert power["leads", 500, 0.4] > 0.95
