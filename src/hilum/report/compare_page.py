"""`write_comparison`: groups of runs against each other as one page, with its numbers and figures beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hilum.compare import RunsCompared
from hilum.drawing import image, png, svg
from hilum.errors import DiskError
from hilum.files import whole_file, write_json, write_parquet, write_text
from hilum.locks import writing
from hilum.metrics import SCORES, Effect, forest_plot
from hilum.report.html import render
from hilum.text import many, signed, span, spell_p

_SIGNS = {"better": "▲", "worse": "▼", "different": "◆", "not distinguishable": "○"}
"""The shapes of the figure, in a line of text."""
_PART_TITLES = {"train": "Training", "valid": "Validation", "test": "Test"}


def write_comparison(compared: RunsCompared, out: str | Path) -> Path:
    """Write `compare.html` into a folder, and `compare.svg`, `.png`, `.json` and `effects.parquet` beside it.

    The page holds all that it shows; a reader's browser asks nobody for anything.

    Returns:
        The page's path.

    Raises:
        DiskError: the folder cannot be written.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise DiskError(f"{out} is a file; --out names a folder, made where there is none.")
    page = out / "compare.html"
    with writing(out):
        write_json(out / "compare.json", compared.to_json())
        if compared.comparisons:
            write_parquet(out / "effects.parquet", compared.frame())
            others = [group.name for group in compared.groups[1:]]
            figure = forest_plot(compared.comparisons, others, compared.groups[0].name)
            for name, content in (("compare.svg", svg(figure)), ("compare.png", png(figure, dpi=200))):
                with whole_file(out / name) as temporary:
                    temporary.write_bytes(content)
        write_text(page, render("compare.html", _contents(compared)))
    return page


def _contents(compared: RunsCompared) -> dict[str, Any]:
    """Everything that the template shows."""
    reference = compared.groups[0]
    others = [group.name for group in compared.groups[1:]]
    title = (
        f"{others[0]} against {reference.name}"
        if len(others) == 1
        else f"{len(others)} groups against {reference.name}"
    )
    return {
        "title": title if others else f"{len(reference.runs)} seeds of {reference.name}",
        "score": SCORES[compared.score].heading,
        "level": f"{100 * compared.level:g} %",
        "alpha": f"{1 - compared.level:.6g}",
        "part": _PART_TITLES[compared.part],
        "about": f"{many(compared.rows, compared.unit)} of {compared.patients:,} patients",
        "sentences": compared.sentences,
        "warnings": compared.warnings,
        "groups": [_group(compared, position) for position in range(len(compared.groups))],
        "reference": reference,
        "several": len(reference.columns) > 1,
        "seeds": any(group.sds for group in compared.groups),
        "pairs": [_pair(compared, position) for position in range(len(compared.comparisons))],
        "settings": compared.settings,
    }


def _group(compared: RunsCompared, position: int) -> dict[str, Any]:
    group = compared.groups[position]
    return {
        "name": group.name,
        "count": len(group.runs),
        "seeds": ", ".join(map(str, group.seeds)),
        "mean": group.means[-1],
        "low": group.lows[-1],
        "high": group.highs[-1],
        "sd": group.sds[-1] if group.sds else None,
        "runs": [
            (run, seed, row[-1]) for run, seed, row in zip(group.runs, group.seeds, group.values, strict=True)
        ],
    }


def _pair(compared: RunsCompared, position: int) -> dict[str, Any]:
    comparison, group = compared.comparisons[position], compared.groups[position + 1].name
    figure = forest_plot([comparison], [group], compared.groups[0].name, compared.comparisons)
    picture = image(figure)
    digits = comparison.digits
    told = [f"{e.name} {signed(e.difference, digits)}, {e.verdict}" for e in comparison.effects]
    return {
        "name": group,
        "anchor": f"pair-{position + 1}",
        "sentence": compared.sentences[position],
        "picture": picture,
        "alt": f"Differences of {group} against {compared.groups[0].name}: {'; '.join(told)}",
        "rows": [_row(effect, digits) for effect in comparison.effects],
    }


def _row(effect: Effect, digits: int) -> dict[str, Any]:
    return {
        "name": effect.name,
        "mean": effect.finding is None,
        "first": effect.first,
        "second": effect.second,
        "difference": signed(effect.difference, digits),
        "interval": span(effect.low, effect.high, digits),
        "boot": span(effect.boot_low, effect.boot_high, digits),
        "p": spell_p(effect.p),
        "p_adjusted": spell_p(effect.p_adjusted),
        "verdict": effect.verdict,
        "sign": _SIGNS[effect.verdict],
        "positives": effect.positives,
        "take": "" if effect.verdict != "not distinguishable" else effect.would_take,
        "seeds_share": None if effect.seeds_share != effect.seeds_share else effect.seeds_share,
    }
