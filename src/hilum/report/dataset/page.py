"""`write_data_report`: a pack as one HTML file that tells of the data before any training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hilum.doctor import Check
from hilum.drawing import data_uri, svg
from hilum.errors import ConfigError, PackError
from hilum.files import write_json, write_text
from hilum.locks import writing
from hilum.pixels import EXCLUDED, Pack
from hilum.report.dataset.checks import data_checks
from hilum.report.dataset.numbers import DataNumbers, count
from hilum.report.dataset.originals import Originals, find_originals
from hilum.report.dataset.plots import MARKERS, SERIES, SEXES, counts_plot, groups_plot, histogram_plot
from hilum.report.dataset.samples import Sample, make_samples, odd_ones, picture
from hilum.report.dataset.tables import group_tables, heat_map, lift_text, part_table, strongest, summary
from hilum.report.html import render
from hilum.table import SOURCES, explain

NAME = "data-report.html"
NAMED = 50
"""How many of the images that were left out are named."""


def write_data_report(pack: Pack, out: Path | None = None) -> Path:
    """Write the data report of a pack, and its numbers as JSON beside it; each whole or not at all.

    Only the pack's table, its statistics, the sample images and some headers of the original files are read.
    The HTML file holds its style, figures and pictures; a reader's browser asks nobody for anything.

    Args:
        pack: what to tell of; of an augmented one its originals alone.
        out: the HTML file, or a folder to put `data-report.html` into; the pack's folder by default.

    Returns:
        Path of the HTML file; the JSON file has the same name and ends in `.json`.

    Raises:
        ConfigError: `out` is neither a folder nor ends in `.html`.
        DiskError: it cannot be written.
    """
    path = _target(pack, out)
    pack = pack.originals()
    numbers = count(pack)
    originals = find_originals(pack)
    checks = data_checks(pack, numbers, originals.frame)
    samples = make_samples(pack)
    text = render("dataset/page.html", page(pack, numbers, checks, samples, originals))
    with writing(path):
        write_json(path.with_suffix(".json"), to_json(pack, numbers, checks, samples, originals))
        write_text(path, text)
    return path


def open_pack(path: str | Path) -> Pack:
    """The pack at `path`; where something else is there, the message says what to do with it.

    Raises:
        PackError: it is no pack: a run, a data set that is not packed yet, or nothing.
    """
    source, colon, folder = str(path).partition(":")
    path = Path(path).expanduser()
    if colon and source in SOURCES and not path.exists():
        raise PackError(
            f"a data report is of a pack. Pack the data first:  hilum pack {source} {folder} --out PACK"
        )
    if (path / "run.json").is_file():
        raise PackError(f"{path} is a run, not a pack. Its report:  hilum report {path}")
    return Pack.open(path)


def _target(pack: Pack, out: Path | None) -> Path:
    path = pack.path if out is None else Path(out).expanduser()
    if path.is_dir():
        return path / NAME
    if path.suffix.lower() not in {".html", ".htm"}:
        raise ConfigError(
            f"the report is an HTML file; {path} should end in .html, or be a folder that is there."
        )
    return path


def to_json(
    pack: Pack,
    numbers: DataNumbers,
    checks: Sequence[Check],
    samples: dict[str, list[Sample]],
    originals: Originals,
) -> dict[str, Any]:
    """What `data-report.json` holds: the numbers behind every sentence, table and figure."""
    return {
        "pack": pack.path.resolve().name,
        "source": pack.info["source"],
        "created": pack.info["created"],
        "fingerprint": pack.fingerprint,
        "table_fingerprint": pack.info["table_fingerprint"],
        "prepare": pack.prepare.model_dump(mode="json"),
        "excluded": pack.excluded.height,
        # Their details may name patients; `hilum doctor --json` tells them.
        "checks": [
            {name: getattr(check, name) for name in ("level", "name", "message", "what_to_do")}
            for check in checks
        ],
        **numbers.to_json(),
        "originals": originals.to_json(),
        "samples": {finding: [sample.to_json() for sample in own] for finding, own in samples.items()},
        "odd": [odd.to_json() for odd in odd_ones(pack)],
    }


def page(
    pack: Pack,
    numbers: DataNumbers,
    checks: Sequence[Check],
    samples: dict[str, list[Sample]],
    originals: Originals,
) -> dict[str, Any]:
    """Everything that the template shows."""
    most, least = strongest(numbers)
    return {
        "name": pack.path.resolve().name,
        "pack": pack,
        "numbers": numbers,
        "originals": originals,
        "summary": summary(pack, numbers),
        "warnings": [check for check in checks if check.level in {"fault", "warning"}],
        "notes": [check for check in checks if check.level == "note"],
        "part_rows": part_table(pack.table, numbers),
        "heat": heat_map(numbers),
        "strongest": [("More often together than chance", most), ("Less often together than chance", least)],
        "lift_text": lift_text,
        "groups": [
            {**table, "image": _image(groups_plot(table["drawn"]))} for table in group_tables(numbers)
        ],
        "colours": SERIES,
        "marks": [SHAPES[marker] for marker in MARKERS],
        "figures": figures(numbers),
        "sexes": [
            item for at, item in enumerate(SEXES.items(), 1) if any(row[at] for row in numbers.ages["bins"])
        ],
        "samples": [
            {"finding": finding, "term": explain(finding, pack.info["source"]), "samples": own}
            for finding, own in samples.items()
        ],
        "odd": [(odd, picture(pack, odd.row)) for odd in odd_ones(pack)],
        "excluded": pack.excluded.select("image_id", "reason").head(NAMED).rows(),
        "excluded_file": EXCLUDED,
    }


SHAPES = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "x": "✕"}
"""Marker -> the sign that stands for it in a legend."""


def figures(numbers: DataNumbers) -> dict[str, dict[str, str]]:
    """Histograms by name, each with a title and its numbers in words; those without numbers are left out."""
    per_image = {str(count): images for count, images in numbers.per_image.items()}
    found = {
        "per_image": ("Findings per image", per_image, "Findings", "images"),
        "images": ("Images per patient", numbers.per_patient["images"], "Images", "patients"),
        "studies": ("Studies per patient", numbers.per_patient["studies"], "Studies", "patients"),
    }
    made = {
        name: _figure(title, counts_plot(counts, x, of.capitalize()), counts, of)
        for name, (title, counts, x, of) in found.items()
        if len(counts) > 1
    }
    ages = numbers.ages["bins"]
    if ages:
        told = {f"{row[0]} to {row[0] + 4}": sum(row[1:]) for row in ages}
        made["ages"] = _figure(
            "Age by sex", histogram_plot(ages, "Age in years", tuple(SEXES)), told, "images"
        )
    gray = [row for row in numbers.gray["bins"] if row[1]]
    if gray:
        rows = numbers.gray["bins"]
        told = {f"from {row[0]}": row[1] for row in gray}
        plot = histogram_plot(rows, "Mean gray of an image, 0 to 255", ("",))
        made["gray"] = _figure("Brightness", plot, told, "images")
    return made


def _figure(title: str, figure: Figure, counts: dict[str, int], of: str) -> dict[str, str]:
    told = ", ".join(f"{name}: {number:,}" for name, number in counts.items())
    return {"title": title, "image": _image(figure), "alt": f"{title}, {of}: {told}"}


def _image(figure: Figure) -> str:
    return data_uri(svg(figure), "image/svg+xml")
