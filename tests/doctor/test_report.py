from __future__ import annotations

import json

from hilum.doctor.report import Check, Report

CHECKS = (
    Check("ok", "missing", "All there."),
    Check("note", "modes", "Two modes <b>.", "Mind."),
    Check("warning", "twins", "One twin.", "Drop it.", {"images": [["a", "b"]]}),
    Check("fault", "twins", "A leak."),
)


def report_of(*checks: Check) -> Report:
    return Report("test", "data", 1234, 56, (), (), (), {}, checks)


def test_the_headline_counts_what_was_found():
    assert report_of(*CHECKS).headline.endswith("1,234 images of 56 patients, 1 fault, 1 warning, 1 note")
    assert report_of(CHECKS[0]).headline.endswith("nothing to complain of")


def test_only_a_fault_is_unhealthy():
    assert not report_of(*CHECKS).healthy
    assert report_of(*CHECKS[:3]).healthy


def test_a_check_by_name_is_the_worst_of_that_name():
    report = report_of(*CHECKS)
    assert report.check("twins") is CHECKS[3]
    assert report.check("nothing") is None


def test_it_shows_itself_worst_first_and_as_html():
    report = report_of(*CHECKS)
    assert [line.split()[0] for line in repr(report).splitlines()[1::1] if line[0] != " "] == [
        "FAULT",
        "WARNING",
        "NOTE",
    ]
    html = report._repr_html_()
    assert "&lt;b&gt;" in html
    assert html.index("A leak") < html.index("One twin")


def test_it_is_json():
    read = json.loads(json.dumps(report_of(*CHECKS).to_json(), allow_nan=False))
    assert read["healthy"] is False
    assert read["checks"][2]["details"] == {"images": [["a", "b"]]}
