"""Every finding of the known data sets has a line, with a source."""

from __future__ import annotations

import pytest

from hilum.table.glossary import _glossary, explain
from hilum.table.sources import chexpert, nih, pneumonia


@pytest.mark.parametrize("finding", [*chexpert._FINDINGS, *nih._FINDINGS, nih._NO_FINDING])
def test_each_finding_of_chexpert_and_nih_is_explained(finding: str) -> None:
    term = explain(finding)
    assert term is not None
    assert term.line.endswith(".")
    assert len(term.line) < 200
    assert term.cited


def test_spelling_does_not_matter_and_the_unknown_is_not_guessed() -> None:
    assert explain("Pleural_Thickening") == explain("Pleural Thickening") != explain("Pleural Effusion")
    assert explain("Effusion") == explain("pleural effusion") == explain("Pleural Effusion")
    assert explain("Covid-19") is None


def test_the_paediatric_set_has_a_line_of_its_own() -> None:
    own, usual = explain(pneumonia._FINDING, "pneumonia"), explain(pneumonia._FINDING)
    assert own is not None
    assert usual is not None
    assert "children" in own.line
    assert own.cited == "Kermany 2018"
    assert "children" not in usual.line


def test_sources_are_known() -> None:
    found = _glossary()
    terms = [*found["terms"].values(), *(term for own in found["of"].values() for term in own.values())]
    assert {letter for term in terms for letter in term["sources"]} == set(found["papers"])
