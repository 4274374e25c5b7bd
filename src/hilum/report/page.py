"""`write_report`: a run as one HTML file that needs nothing else, and the numbers of its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hilum.drawing import COLOURS
from hilum.files import write_text
from hilum.heads import SearchRecord
from hilum.locks import writing
from hilum.report import content, panels
from hilum.report.examples import make_examples, open_pack
from hilum.report.figures import write_figures
from hilum.report.html import render
from hilum.report.members import members_of
from hilum.report.numbers import Numbers, numbers_of, save
from hilum.report.search_figure import search_panel
from hilum.report.tables import combined_rows, score_tables
from hilum.report.values import interval_note
from hilum.report.warnings import warnings
from hilum.runs import Run, scored_test

SECTIONS = {
    "settings": "Settings",
    "data": "Data",
    "search": "Search of heads",
    "scores": "Scores",
    "curves": "Curves",
    "progression": "Progression",
    "confusion": "Confusion matrices",
    "calibration": "Calibration",
    "subgroups": "Subgroups",
    "thresholds": "Thresholds",
    "published": "Published figures",
    "examples": "Examples",
    "members": "Members",
    "environment": "Environment",
}
"""In the order of the page; each is a template of `sections/`."""

EXCLUDED = 20
"""How many of the images that were left out are named."""


def write_report(run: Run, *, figures: bool = False) -> Path:
    """Write `report.html` into the run's folder, whole, and the numbers of its figures into `figures/`.

    The file holds its style, figures and pictures; a reader's browser asks nobody for anything.

    Args:
        run: finished or not.
        figures: also write each figure into `figures/` as SVG and as PNG at 300 dpi.

    Returns:
        The page's path.

    Raises:
        RunError: the run's folder is not whole.
        InUse: another process writes the run.
        DiskError: it cannot be written.
    """
    path = run.path / "report.html"
    numbers = numbers_of(run)
    content = page(
        run, numbers
    )  # before the run is locked: who holds its lock cannot see that nobody trains it
    with writing(run.path):
        save(numbers, run.path / "figures")
        if figures:
            write_figures(numbers, run.path / "figures")
        write_text(path, render("run.html", content))
    return path


def page(run: Run, numbers: Numbers) -> dict[str, Any]:
    """Everything that the template shows."""
    parts = numbers.parts
    settings = content.all_settings(run.config)
    prevalence_parts, prevalence = content.prevalence(run)
    pack, why_none = open_pack(run.data)
    examples = make_examples(parts[0], pack) if parts and pack else []
    members = members_of(run, parts)
    others = panels.published_panels(run, parts)
    search = search_panel(SearchRecord.of(run))
    optional = (("search", search), ("published", others), ("members", members))
    without = {name for name, found in optional if not found} | (
        {"progression"} if members or search else set()
    )
    return {
        "run": run,
        "sections": [(name, title) for name, title in SECTIONS.items() if name not in without],
        "info": run.info,
        "data": run.data,
        "environment": run.environment,
        "duration": content.duration(run.info.get("seconds", 0)),
        "part_titles": content.PARTS,
        "colours": COLOURS,
        "summary": content.summary(run, parts),
        "warnings": warnings(run, numbers, pack),
        "parts": parts,
        "test_part": scored_test(run),
        "headline": panels.headline(parts),
        "headline_note": interval_note(parts[0].scores, panels.HEADLINE, means=True) if parts else "",
        "changed": [setting for setting in settings if setting.differs],
        "unchanged": [setting for setting in settings if not setting.differs],
        "prevalence_parts": prevalence_parts,
        "prevalence": prevalence,
        "tables": [(part, score_tables(part.scores), combined_rows(part.scores)) for part in parts],
        "curves": panels.curves(parts, numbers.curves),
        "progression": panels.progression(numbers.progression),
        "confusion": panels.confusion(parts[0]) if parts else [],
        "calibration": panels.calibration(run, numbers),
        "subgroups": panels.subgroup_panels(numbers),
        "gaps": [gap.sentence for gap in numbers.subgroups.gaps] if numbers.subgroups else [],
        "tested": numbers.subgroups.tested if numbers.subgroups else "",
        "search": search,
        "members": members,
        "published": others,
        "operating": numbers.operating,
        "examples": examples,
        "no_examples": why_none or "No image of the reported part has a known label.",
        "excluded": pack.excluded.select("image_id", "reason").head(EXCLUDED).rows() if pack else [],
    }
