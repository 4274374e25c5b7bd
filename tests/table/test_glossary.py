"""Every finding of the known data sets has a line, with a source."""

from __future__ import annotations

import pytest

from hilum.table.glossary import GLOSSARY, PAEDIATRIC, SOURCES, explain
from hilum.table.sources import chexpert, nih, pneumonia


@pytest.mark.parametrize("finding", [*chexpert.FINDINGS, *nih.FINDINGS, nih.NO_FINDING])
def test_each_finding_of_chexpert_and_nih_is_explained(finding: str) -> None:
    term = explain(finding)
    assert term is not None
    assert term.line.endswith(".")
    assert len(term.line) < 200
    assert term.cited


def test_spelling_does_not_matter_and_the_unknown_is_not_guessed() -> None:
    assert explain("Pleural_Thickening") is GLOSSARY["Pleural Thickening"]
    assert explain("Effusion") is explain("pleural effusion") is GLOSSARY["Pleural Effusion"]
    assert explain("Covid-19") is None


def test_the_paediatric_set_has_a_line_of_its_own() -> None:
    assert explain(pneumonia.FINDING, "pneumonia") is PAEDIATRIC
    assert explain(pneumonia.FINDING) is GLOSSARY["Pneumonia"]


def test_sources_are_known() -> None:
    assert {letter for term in (*GLOSSARY.values(), PAEDIATRIC) for letter in term.sources} == set(SOURCES)
