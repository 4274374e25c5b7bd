"""The search that a head comes from: every head that was tried, as a figure, a table and sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from hilum.drawing import INK, MUTED, RULE, empty_figure, image, style
from hilum.heads import Candidate, SearchRecord, TriedHead
from hilum.metrics import SCORES
from hilum.text import many

_PANELS = {
    "logistic l2": ("Logistic, L2", "C"),
    "logistic l1": ("Logistic, L1", "C"),
    "svm": ("Linear SVM", "C"),
    "knn": ("k-NN", "k, neighbours"),
    "mlp": ("MLP", "hidden width"),
}
"""What has a panel of its own: its title and what runs along it."""
_LOOKS = {"avg": ("#0b7285", "o"), "max": ("#c2410c", "s"), "both": ("#5b3fa8", "^")}
"""Pooling -> colour and shape."""
_SIZE, _FOOT, _LEFT = (1.95, 1.75), 0.46, 0.52
"""Inches: of a panel within its axes, below it for its scale, left of the first for the score's."""
_GAP = 0.2
"""Inches between two panels."""
_REACH = 8.0
"""The scale ends this many widths of the winner's interval from it; heads beyond are marked at the end."""
_NAMED = 10
"""How many heads are in the table."""


def search_panel(record: SearchRecord | None) -> dict[str, Any]:
    """What the report shows of a search; empty where there was none."""
    if record is None:
        return {}
    score = SCORES[record.by].heading
    best, others = record.winner, len(record.tried) - 1
    kinds: dict[str, TriedHead] = {}
    for entry in record.tried:
        kinds.setdefault(_panel_of(entry.candidate), entry)
    return {
        "score": score,
        "lower": SCORES[record.by].better == "lower",
        "record": record,
        "best": best,
        "tied": _tied(record.within_noise, others),
        "rows": list(enumerate(record.tried[:_NAMED], 1)),
        "kinds": [(_PANELS[name][0], entry) for name, entry in kinds.items()],
        "more": max(0, len(record.tried) - _NAMED),
        "image": image(_search_plot(record)),
        "alt": f"{score} of {many(len(record.tried), 'head')} against their settings. Best of each kind: "
        + "; ".join(f"{_PANELS[name][0]} {entry.text}" for name, entry in kinds.items()),
        "poolings": [
            (pooling, *_LOOKS[pooling])
            for pooling in _LOOKS
            if any(e.candidate.pooling == pooling for e in record.tried)
        ],
    }


def _tied(within_noise: int, others: int) -> str:
    if not others:
        return "No other head was tried."
    if others == 1:
        return "The other head cannot be told from it." if within_noise else "The other head is worse."
    if not within_noise:
        return f"None of the {others:,} other heads comes near enough to be as good."
    some = "All" if within_noise == others else f"{within_noise:,} of the"
    return (
        f"{some} {others:,} other heads cannot be told from it on these images: among them the simplest may "
        "as well be taken."
    )


def _panel_of(candidate: Candidate) -> str:
    """The key of its panel."""
    return f"logistic {candidate.penalty}" if candidate.kind == "logistic" else candidate.kind


def _place_of(candidate: Candidate) -> float:
    """Where it stands along its panel."""
    return float({"knn": candidate.neighbours, "mlp": candidate.hidden}.get(candidate.kind, candidate.C))


def _search_plot(record: SearchRecord) -> Figure:
    """One panel a kind, on one scale of the score; the band is the winner's interval, its ring the winner."""
    kinds = {_panel_of(entry.candidate) for entry in record.tried}
    names = [name for name in _PANELS if name in kinds]
    width = _LEFT + len(names) * (_SIZE[0] + _GAP)
    height = _FOOT + _SIZE[1] + 0.3
    figure = empty_figure((width, height))
    low, high = _limits(record)
    for place, name in enumerate(names):
        left = _LEFT + place * (_SIZE[0] + _GAP)
        axes = figure.add_axes((left / width, _FOOT / height, _SIZE[0] / width, _SIZE[1] / height))
        axes.set_xscale("log")
        style(axes, _PANELS[name][1], SCORES[record.by].heading if place == 0 else "")
        axes.set_title(_PANELS[name][0], fontsize=9.5, color=INK, loc="left", pad=5)
        axes.set_ylim(low, high)
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", color=RULE, linewidth=0.6)
        if place:
            axes.tick_params(labelleft=False)
        if math.isfinite(record.winner.low):
            axes.axhspan(record.winner.low, record.winner.high, color="#e3f2f5", linewidth=0, zorder=0)
        _draw(axes, [entry for entry in record.tried if _panel_of(entry.candidate) == name], record)
    return figure


def _limits(record: SearchRecord) -> tuple[float, float]:
    """Both ends of the scale: the winner's interval is not flattened by heads that learned nothing."""
    best = record.winner
    ends = [end for e in record.tried for end in (e.score, e.low, e.high) if math.isfinite(end)]
    if not ends:
        return 0.0, 1.0
    reach = _REACH * (best.high - best.low) if math.isfinite(best.low) else math.inf
    low, high = max(min(ends), best.score - reach), min(max(ends), best.score + reach)
    air = max(0.05 * (high - low), 0.002)
    return low - air, high + air


def _draw(axes: Axes, entries: Sequence[TriedHead], record: SearchRecord) -> None:
    """The heads of one kind: a mark and an interval each, alike where pooling and class weights are."""
    _ticks(axes, sorted({_place_of(entry.candidate) for entry in entries}))
    low, high = axes.get_ylim()
    alike: dict[tuple[str, str, bool], list[tuple[float, TriedHead]]] = {}
    for entry, x in zip(entries, _aside(entries), strict=True):
        if math.isfinite(entry.score):
            colour, shape = _LOOKS[entry.candidate.pooling]
            mark = shape if low <= entry.score <= high else "v" if entry.score < low else "^"
            hollow = entry.candidate.class_weight == "balanced" and entry.candidate.kind != "knn"
            alike.setdefault((colour, mark, hollow), []).append((x, entry))
            if entry is record.winner:
                axes.plot([x], [entry.score], "o", ms=11, mec=INK, mfc="none", zorder=5)
    for (colour, mark, hollow), own in alike.items():
        places = [at for at, _ in own]
        y = [min(max(entry.score, low), high) for _, entry in own]
        ends = [[entry.low for _, entry in own], [entry.high for _, entry in own]]
        axes.vlines(places, *ends, color=colour, linewidth=0.7, alpha=0.4, zorder=1)
        face = "white" if hollow else colour
        axes.plot(places, y, mark, ms=4, mec=colour, mfc=face, mew=1, zorder=3, clip_on=False)


def _aside(entries: Sequence[TriedHead]) -> list[float]:
    """Where each stands: those of one place side by side, by pooling, so that intervals do not hide each other."""
    together: dict[float, list[TriedHead]] = {}
    order = {pooling: place for place, pooling in enumerate(_LOOKS)}
    for entry in sorted(entries, key=lambda e: (order[e.candidate.pooling], e.candidate.class_weight)):
        together.setdefault(_place_of(entry.candidate), []).append(entry)
    gap = math.log10(max(together) / min(together)) / (len(together) - 1) if len(together) > 1 else 0.4
    x = {}
    for place, own in together.items():
        for position, entry in enumerate(own):
            share = position / (len(own) - 1) - 0.5 if len(own) > 1 else 0.0
            x[id(entry)] = place * 10 ** (min(0.6 * gap, 0.4) * share)
    return [x[id(entry)] for entry in entries]


def _ticks(axes: Axes, places: Sequence[float]) -> None:
    """The values themselves where they are few; else powers of ten, or round numbers where they lie close."""
    first, last = places[0] / 1.001, places[-1] * 1.001
    axes.set_xlim(first / 1.7, last * 1.7)
    ticks = list(places)
    if len(places) > 4:
        rounds = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0))
        choices = [[d * 10.0**p for p in range(-9, 9) for d in digits] for digits in rounds]
        within = [[tick for tick in choice if first <= tick <= last] for choice in choices]
        ticks = next((choice for choice in within if len(choice) > 2), within[-1] or [places[0]])
        ticks = ticks[:: math.ceil(len(ticks) / 4)]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(
        [f"{tick:.0e}".replace("e-0", "e-") if tick < 0.0009 else f"{tick:.3g}" for tick in ticks],
        color=MUTED,
    )
