from __future__ import annotations

import pytest
from rich.console import Console

from hilum.cli import show

FINDINGS = ["Enlarged Cardiomediastinum", "Pneumothorax", "Edema"]
HEADINGS = ["Finding", "Images", "Positive", "Specificity", "Precision", "ROC AUC", "Threshold"]


def printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int) -> str:
    monkeypatch.setattr(show, "console", lambda: Console(width=width, highlight=False))
    rows = [[name, 223_414, 1_234, 0.5, 0.25, 0.125, None] for name in FINDINGS]
    show.show_table(HEADINGS, rows, title="Scores on valid, of a run with a long name indeed")
    return capsys.readouterr().out


def test_a_table_that_fits_is_one_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(monkeypatch, capsys, 120)
    assert out.count("Finding") == out.count("Enlarged Cardiomediastinum") == 1
    assert "ROC AUC" in out


@pytest.mark.parametrize("width", [50, 60, 80])
def test_no_name_or_number_is_cut_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    out = printed(monkeypatch, capsys, width)
    title, *lines = out.splitlines()
    assert title == "Scores on valid, of a run with a long name indeed"
    assert max(map(len, lines)) <= width
    assert out.count("223,414") == out.count("0.125") == len(FINDINGS)
    # The names stand in front of every part of the table, whole.
    assert len({out.count(name) for name in FINDINGS}) == 1
    assert out.count("Pneumothorax") == out.count("Finding") > 1
    for heading in HEADINGS:
        assert all(word in out for word in heading.split())


def test_long_texts_are_folded_beside_numbers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show, "console", lambda: Console(width=50, highlight=False))
    path = "/data/" + "very/" * 12 + "far.png"
    show.show_table(["image", "Edema"], [[path, "0.341 *"]])
    out = capsys.readouterr().out
    assert "0.341 *" in out
    folded = "".join(" ".join(out.splitlines()[3:]).replace("0.341 *", "").split())
    assert folded == path
