"""The table that grows by a line, or some, with each epoch."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hilum.config import TrackConfig
from hilum.metrics import COUNTS, SCORES
from hilum.text import MISSING, many, visible

_HEADINGS: dict[str, str] = {
    "images": "images",
    "positives": "pos.",
    "predicted_positives": "pred.",
    "true_positives": "TP",
    "false_positives": "FP",
    "false_negatives": "FN",
    "true_negatives": "TN",
}
"""Short headings of scores: with the six of the default the table is 80 characters wide at most."""

_HEADING_EVERY = 30
"""Epochs after which the headings are said again."""

_BEST = "best"


@dataclass(frozen=True)
class _Column:
    """One column: how wide, and which of its cells are there."""

    key: str
    heading: str
    width: int
    score: bool = False


class EpochTable:
    """Headings and lines of a training's epochs, as wide as there is room for."""

    def __init__(self, config: TrackConfig, epochs: int, width: int | None = 0) -> None:
        """Choose the columns.

        Args:
            config: `columns`, `parts`, `per_finding`.
            epochs: how many the run has, for `3/20`.
            width: characters that a line may have, 0 as many as the terminal has; None for no limit, as in a
                file. Where there is less room, learning rate, speed and time go first, then scores from the right.
        """
        self._parts, self._per_finding, self._epochs = config.parts, config.per_finding, epochs
        self._both, self._added = len(config.parts) > 1, 0
        width = _terminal_width() if width == 0 else width
        columns = self._all_columns(config)
        self.dropped: tuple[str, ...] = ()
        for key in ("lr", "rate", "time", *reversed(config.columns)):
            if width is None or _width(columns) <= width:
                break
            columns = [column for column in columns if column.key != key]
            self.dropped = (*self.dropped, key)
        self._columns = columns

    def heading(self, entry: Mapping[str, Any]) -> list[str]:
        """Two lines of headings for entries like this one."""
        count = len(entry["valid"]["scores"]["per_finding"])
        over = f"mean over {many(count, 'finding')}" if count > 1 else ""
        scores = over if self._both else ", ".join(filter(None, (f"scores of {self._parts[0]}", over)))
        first = ""
        for wanted, text in (("train", "loss"), ("score", scores)):
            start = self._start(wanted)
            if start is not None:
                first = first.ljust(start) + text
        names = " ".join(column.heading.rjust(column.width) for column in self._columns)
        return [first.rstrip(), names.rstrip()]

    def lines(self, entry: Mapping[str, Any]) -> list[str]:
        """An epoch: a line, or one for each part, each with those of its findings under it.

        Before the first epoch only the valid part is looked at, and there is no rate.
        """
        found = []
        parts = [part for part in self._parts if part in entry]
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            found.append(self._line(entry, part, first=index == 0, last=last))
            if self._per_finding:
                rows = entry[part]["scores"]["per_finding"]
                found += [self._finding(name, row) for name, row in rows.items()]
        return found

    def added(self, entry: Mapping[str, Any]) -> list[str]:
        """What a training says after an epoch: its lines, under headings now and then."""
        lines = self.lines(entry)
        headings = self.heading(entry) if lines and self._added % _HEADING_EVERY == 0 else []
        self._added += bool(lines)
        return headings + lines

    def whole(self, history: Sequence[Mapping[str, Any]]) -> list[str]:
        """The table of a run that is over, without headings in between."""
        if not history:
            return ["no epoch is finished yet"]
        return [*self.heading(history[0]), *(line for entry in history for line in self.lines(entry))]

    def _all_columns(self, config: TrackConfig) -> list[_Column]:
        epoch = _Column("epoch", "epoch", max(5, len(str(self._epochs))))
        rate = _Column("lr", "lr", 7)
        if self._both:
            losses = [_Column("part", "part", 5), _Column("loss", "loss", 7)]
        else:
            losses = [_Column("train", "train", 6), _Column("valid", "valid", 6)]
        scores = [
            _Column(name, _heading(name), max(5, len(_heading(name))), score=True)
            for name in dict.fromkeys(config.columns)
        ]
        after = [_Column("rate", "img/s", 5), _Column("time", "time", 5), _Column("best", "", len(_BEST))]
        return [epoch, rate, *losses, *scores, *after]

    def _line(self, entry: Mapping[str, Any], part: str, *, first: bool, last: bool) -> str:
        scores = entry[part]["scores"]
        cells = {column.key: _score(column.key, scores) for column in self._columns if column.score}
        if self._both:
            cells |= {"part": part, "loss": _loss(entry[part]["loss"])}
        else:
            cells |= {name: _loss(entry[name]["loss"]) for name in ("train", "valid") if name in entry}
        if first:
            # From 100 epochs on `123/200` has no room in 80 characters.
            of = f"/{self._epochs}" if self._epochs < 100 else ""
            cells |= {"epoch": f"{entry['epoch']}{of}"}
            cells |= {"lr": f"{entry['lr']:.1e}"} if "lr" in entry else {}
        if last:
            cells["best"] = _BEST if entry.get("improved") else ""
            if "seconds" in entry:
                cells |= {"rate": _speed(entry["images_per_second"]), "time": _time(entry["seconds"])}
        return self._joined(cells)

    def _finding(self, name: str, row: Mapping[str, Any]) -> str:
        """The finding's name takes the room of all that stands left of the scores."""
        room = self._start("score")
        cells = {
            column.key: _cell(column.key, row.get(column.key)) for column in self._columns if column.score
        }
        text = " ".join(cells[column.key].rjust(column.width) for column in self._columns if column.score)
        if room is None:
            return f" {visible(name)}"
        label = f" {visible(name)}"
        return (label if len(label) < room else label[: room - 2] + "… ").ljust(room) + text

    def _joined(self, cells: Mapping[str, str]) -> str:
        return " ".join(cells.get(column.key, "").rjust(column.width) for column in self._columns).rstrip()

    def _start(self, what: str) -> int | None:
        """Where the column, or the first score, begins."""
        start = 0
        for column in self._columns:
            if column.key == what or (what == "score" and column.score):
                return start
            start += column.width + 1
        return None


def _terminal_width() -> int | None:
    """Characters in a line of the terminal on standard error; None where there is none."""
    if not sys.stderr.isatty():
        return None
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size(sys.stderr.fileno()).columns)
    except (OSError, ValueError):
        return 80


def _width(columns: list[_Column]) -> int:
    return sum(column.width + 1 for column in columns) - 1


def _heading(name: str) -> str:
    if name in _HEADINGS:
        return _HEADINGS[name]
    return SCORES[name].short if name in SCORES else name[:5]  # of a plugin that is not in use


def _score(name: str, scores: Mapping[str, Any]) -> str:
    """The mean over findings, the sum of a count, or the combined score."""
    if name in COUNTS:
        return _cell(name, sum(row[name] or 0 for row in scores["per_finding"].values()))
    if name in scores["combined"]:
        return _cell(name, scores["combined"][name])
    return _cell(name, scores["mean"].get(name, {}).get("value"))


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.0f}" if name in COUNTS else f"{value:.3f}"


def _loss(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"


def _speed(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _time(seconds: float) -> str:
    if seconds < 99.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02d}" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}"
