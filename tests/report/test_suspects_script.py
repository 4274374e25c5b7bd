"""Verdicts are given, kept and downloaded in a real browser. Needs Chromium."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browser import needs_chromium, run_in
from report_suspects import make_suspects

from hilum.noise import Suspects
from hilum.pixels import Pack
from hilum.report.suspects_page import write_suspects
from hilum.table import Overlay

pytestmark = needs_chromium

HELP = """
const card = place => document.querySelectorAll(".suspect")[place];
const pick = (place, choice) => card(place).querySelector(`input[value=${choice}]`).click();
const press = (place, key, options) => card(place).dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...options }));
const called = text => { by.value = text; by.dispatchEvent(new Event("change")); };
const at = () => [...document.querySelectorAll(".suspect")].indexOf(document.activeElement);
const progress_ = () => document.getElementById("progress").textContent;
let blob = null, saved = "";
URL.createObjectURL = given => { blob = given; return "blob:none"; };
HTMLAnchorElement.prototype.click = function () { saved = this.download; };
const csv = async () => { blob = null; download.click(); return blob && await blob.text(); };
"""


@pytest.fixture
def suspects(small_pack: Pack) -> Suspects:
    """Four of Edema and two of Fracture, one of an image whose name needs quotes."""
    made = make_suspects(small_pack, ("Edema", "Fracture"), each=4)
    odd = replace(made.suspects[1], image_id='odd, "name" </script> é')
    return replace(made, suspects=(made.suspects[0], odd, *made.suspects[2:6]))


def do(suspects: Suspects, folder: Path, script: str) -> Any:
    return run_in(write_suspects(suspects, folder), HELP + script, folder)


def test_verdicts_become_an_overlay(suspects: Suspects, tmp_path: Path) -> None:
    told = do(
        suspects,
        tmp_path,
        """
        called('Ann "A." Lee, MD');
        pick(0, "wrong"); pick(1, "wrong"); pick(2, "right"); pick(3, "unsure"); pick(5, "unusable");
        tell([await csv(), saved, blob.type, progress_(), card(0).className, card(4).className,
              card(1).querySelector(".kept").textContent, trouble.textContent]);
        """,
    )
    text, name, kind, progress, done, open_, kept, trouble = told
    assert (name, kind) == ("overlay.csv", "text/csv;charset=utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["image_id", "finding", "verdict", "by", "when"]
    assert [row[:4] for row in rows[1:]] == [
        ["test-000", "Edema", "negative", 'Ann "A." Lee, MD'],
        ['odd, "name" </script> é', "Edema", "positive", 'Ann "A." Lee, MD'],
        ["test-002", "Edema", "positive", 'Ann "A." Lee, MD'],
        ["test-003", "Edema", "uncertain", 'Ann "A." Lee, MD'],
        ["test-005", "Fracture", "unusable", 'Ann "A." Lee, MD'],
    ]
    (tmp_path / name).write_text(text, encoding="utf-8")
    overlay = Overlay.read(tmp_path / name).frame
    verdicts = {row["image_id"]: row["verdict"] for row in overlay.iter_rows(named=True)}
    assert verdicts == {"test-000": 0, rows[2][0]: 1, "test-002": 1, "test-003": -1, "test-005": None}
    assert overlay["by"].unique().to_list() == ['Ann "A." Lee, MD']
    assert overlay["when"].str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=True).null_count() == 0
    assert progress == "5 of 6 reviewed: 2 wrong, 1 right, 1 unsure, 1 unusable"
    assert ("done" in done, "done" in open_) == (True, False)
    assert kept.startswith("Kept: positive, by Ann")
    assert trouble == ""


def test_verdicts_are_kept_when_the_page_is_opened_again(suspects: Suspects, tmp_path: Path) -> None:
    again = 'pick(0, "wrong"); called("Bo"); pick(1, "right"); location.reload();'
    script = f"""
    if (!sessionStorage.again) {{ sessionStorage.again = 1; {again} }}
    else {{
      const said = [progress_(), by.value, card(0).querySelector(":checked").value, await csv()];
      card(0).querySelector(".kept button").click();
      tell([...said, progress_(), await csv()]);
    }}
    """
    progress, by, checked, text, after, later = do(suspects, tmp_path, script)
    assert (progress, by, checked) == ("2 of 6 reviewed: 1 wrong, 1 right", "Bo", "wrong")
    assert [row[3] for row in csv.reader(io.StringIO(text))] == ["by", "Bo", "Bo"]
    assert after == "1 of 6 reviewed: 1 right"
    assert len(later.splitlines()) == 2


def test_keyboard(suspects: Suspects, tmp_path: Path) -> None:
    told = do(
        suspects,
        tmp_path,
        """
        called("Cy");
        const steps = [];
        const step = () => steps.push([at(), progress_().split(" ")[0]]);
        next.click(); step();
        press(0, "2"); step(); press(1, "1"); step(); press(2, "3"); step(); press(3, "p"); step();
        press(2, "n"); step(); press(3, "4", { ctrlKey: true }); step();
        press(3, "x"); step(); press(3, "4"); step();
        press(4, "p"); press(3, "p"); next.click(); step();
        press(4, "1"); press(5, "1"); step(); next.click(); step();
        tell([steps, (await csv()).split("\\n").map(line => line.split(",").at(-3))]);
        """,
    )
    steps, verdicts = told
    assert steps == [
        *([0, "0"], [1, "1"], [2, "2"], [3, "3"], [2, "3"], [3, "3"], [3, "3"], [3, "3"], [4, "4"]),
        *([4, "4"], [5, "6"], [5, "6"]),
    ]
    words = ("negative", "negative", "uncertain", "unusable", "positive", "negative")
    assert verdicts[1:7] == [f'"{word}"' for word in words]


def test_an_overlay_says_who_looked(suspects: Suspects, tmp_path: Path) -> None:
    told = do(
        suspects,
        tmp_path,
        """
        const said = [await csv(), trouble.textContent];
        pick(0, "right");
        said.push(await csv(), trouble.textContent, document.activeElement.id);
        by.value = " Di ";
        said.push(await csv(), trouble.textContent);
        tell(said);
        """,
    )
    nothing, none, without, who, focus, text, trouble = told
    assert (nothing, none) == (None, "No suspect is reviewed yet.")
    assert (without, who, focus) == (None, "Put your name first: an overlay says who looked.", "by")
    assert ('"Di"' in text, trouble) == (True, "")


def test_a_browser_that_keeps_nothing_says_so(suspects: Suspects, tmp_path: Path) -> None:
    page = write_suspects(suspects, tmp_path)
    full = "<script>Storage.prototype.setItem = () => { throw new Error('full'); };</script><main"
    page.write_text(page.read_text().replace("<main", full, 1))
    told = run_in(
        page, HELP + 'by.value = "Ed"; pick(0, "wrong"); tell([trouble.textContent, await csv()]);', tmp_path
    )
    assert told[0].startswith("This browser keeps nothing")
    assert '"test-000","Edema","negative","Ed"' in told[1]


def test_verdicts_of_suspects_no_longer_shown_are_not_lost(suspects: Suspects, tmp_path: Path) -> None:
    html = write_suspects(suspects, tmp_path, shown=6).read_text()
    asked = html.split("data-review=")[1].split(">")[0]
    assert f"data-review={asked}" in write_suspects(suspects, tmp_path / "few", shown=2).read_text()
    fewer = "<script>if (sessionStorage.again) document.querySelectorAll('.suspect')[4].remove();</script><script>"
    page = tmp_path / "page.html"
    page.write_text(html.replace("<script>", fewer, 1))
    script = """
    if (sessionStorage.again) tell([progress_(), await csv()]);
    else { called("Flo"); pick(4, "wrong"); pick(0, "wrong"); sessionStorage.again = 1; location.reload(); }
    """
    progress, text = run_in(page, HELP + script, tmp_path)
    assert progress == "1 of 5 reviewed: 1 wrong"
    assert [row[0] for row in csv.reader(io.StringIO(text))] == ["image_id", "test-000", "test-004"]
