"""Did a change of the code change a number? Three seeded studies by the real commands, and all that they say.

    python -m benchmarks.same_numbers --src /an/old/checkout/src --out before.json
    python -m benchmarks.same_numbers --out after.json --against before.json --tolerance heads=0.002

A phantom study, and two of `HILUM_REAL_DATA` where it is there, are checked, packed, trained on, scored, compared,
averaged, embedded, searched and judged on the CPU. Printed JSON, the files of runs (scores, predictions, figures)
and the text of reports go into one file, without times, places, versions and fingerprints. `--against` lists each
difference by its path and exits with 1 if there is one. Options may be spelt differently in the two versions.
"""

from __future__ import annotations

import argparse
import difflib
import json
import math
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.small_studies import STUDIES, Hilum, Study, steps

SRC = Path(__file__).parents[1] / "src"
DROPPED = (
    *("seconds", "images_per_second", "created", "measured", "command", "version", "hilum", "stamp"),
    *("fingerprint", "pack_fingerprint", "table_fingerprint", "measured_on"),
)
"""Keys of times and versions."""
OF_THE_MACHINE = ("environment.json", "pack.json", "stats.parquet")
SCRUBBED = (
    (re.compile(r"\b[0-9a-f]{32,}\b"), "<hash>"),
    (re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00| UTC)?)?"), "<date>"),
    (re.compile(r"\b\d+(\.\d+)? (s|min|h|seconds?|minutes?|hours?)\b"), "<duration>"),
)
NAMING = (
    *("told", "name", "key", "run", "seed", "image_id", "path", "finding", "attribute"),
    *("value", "part", "first", "second"),
)
"""What an entry of a list is known by: entries are compared with their like, not by their place."""
ABSENT = "(absent)"


class Words(HTMLParser):
    """The text of a page, by line, without style, script and drawings."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hidden, self.lines = 0, list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, _attributes: list[tuple[str, str | None]]) -> None:
        """Enter it."""
        self.hidden += tag in ("style", "script", "svg")

    def handle_endtag(self, tag: str) -> None:
        """Leave it."""
        self.hidden -= tag in ("style", "script", "svg")

    def handle_data(self, data: str) -> None:
        """Keep it."""
        self.lines += (
            [] if self.hidden else [line for part in data.split("\n") if (line := " ".join(part.split()))]
        )


def measure(study: Study, src: Path) -> dict[str, Any]:
    """All that the commands of a source tree say of a study, and what they leave in its folder."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        hilum = Hilum(src, folder)
        for step, arguments in steps(study, folder):
            began = time.monotonic()
            code, printed = hilum.run(hilum.spelt(arguments))
            told = f"failed ({code}): {shlex.join(arguments)}" if code not in (0, 1) or not printed else ""
            print(f"  {step}: {time.monotonic() - began:.1f} s {told}", file=sys.stderr, flush=True)
            as_json = "--json" in arguments and printed
            found[step] = {"exit": code, "said": json.loads(printed) if as_json else printed.splitlines()}
        hilum.close()
        for path in sorted(of for room in ("pack", "runs", "heads") for of in folder.glob(f"{room}/**/*")):
            if path.name not in OF_THE_MACHINE and (of := _read(path)) is not None:
                found[f"files/{path.relative_to(folder)}"] = of
        places = {str(folder / study.root): "<data>", str(folder): "<work>"}
        return {step: _canonical(of, places) for step, of in found.items()}


def _read(path: Path) -> Any:
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".parquet":
        return pl.read_parquet(path).to_dict(as_series=False)
    return Words(path.read_text()).lines if path.suffix == ".html" else None


def _canonical(value: Any, places: dict[str, str]) -> Any:
    """The value without times, places, versions and fingerprints."""
    if isinstance(value, dict):
        return {key: _canonical(of, places) for key, of in value.items() if key not in DROPPED}
    if isinstance(value, list):
        return [_canonical(of, places) for of in value]
    if isinstance(value, str):
        for place, word in places.items():
            value = value.replace(place, word)
        for pattern, word in SCRUBBED:
            value = pattern.sub(word, value)
        return value.rstrip()
    return value if value is None or isinstance(value, bool | int | float) else str(value)


Difference = tuple[str, Any, Any]


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Path, old and new of all that is not equal; numbers are equal to the last digit."""
    old, new = _by_name(old), _by_name(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from differences(old.get(key, ABSENT), new.get(key, ABSENT), f"{path}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and not _is_text(old):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{path}/{place}")
    elif isinstance(old, list) and isinstance(new, list) and _is_text(old + new):
        for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag != "equal":
                yield f"{path}/{a}", "\n".join(old[a:b]), "\n".join(new[c:d])
    elif old != new and not (_is_nan(old) and _is_nan(new)):
        yield path, old, new


def _by_name(value: Any) -> Any:
    """A list of entries that have names, by name."""
    if not isinstance(value, list) or not value or not all(isinstance(entry, dict) for entry in value):
        return value
    names = [
        " ".join(str(entry[n]) for n in NAMING if isinstance(entry.get(n), str | int)) for entry in value
    ]
    return dict(zip(names, value, strict=True)) if len(set(names)) == len(names) else value


def _is_text(value: list[Any]) -> bool:
    return all(isinstance(line, str) for line in value)


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def forgiven(difference: Difference, tolerances: dict[str, float]) -> bool:
    """Whether two numbers under a path that was named differ by no more than was allowed there."""
    path, old, new = difference
    numbers = all(isinstance(of, int | float) and not isinstance(of, bool) for of in (old, new))
    return numbers and any(
        fnmatch(path, f"*/{at}/*") and abs(old - new) <= by for at, by in tolerances.items()
    )


def main() -> int:
    """Measure, write, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"{', '.join(STUDIES)}; all by default")
    parser.add_argument("--src", type=Path, default=SRC, help="the source tree to run, by default this one")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--again", action="store_true", help="compare what --out holds already; measure nothing"
    )
    parser.add_argument("--against", type=Path, help="an earlier file")
    parser.add_argument(
        "--tolerance", action="append", default=[], metavar="PATH=NUMBER", help="may be repeated"
    )
    parser.add_argument("--skip", action="append", default=[], metavar="PATTERN", help="paths not to compare")
    chosen = parser.parse_args()
    studies = {name: of for name, of in STUDIES.items() if name in chosen.studies or not chosen.studies}
    if not chosen.again:
        there = {name: of for name, of in studies.items() if name == "phantom" or Path(of.root).is_dir()}
        print(f"without {sorted(studies.keys() - there)}" if studies.keys() - there else "", file=sys.stderr)
        found: dict[str, Any] = {}
        for name, study in there.items():
            found[name] = measure(study, chosen.src)
            chosen.out.write_text(json.dumps(found, indent=1) + "\n")
    if chosen.against is None:
        return 0
    old, new = (json.loads(path.read_text()) for path in (chosen.against, chosen.out))
    old = {name: of for name, of in old.items() if name in studies}
    tolerances = {at: float(by) for at, by in (told.split("=") for told in chosen.tolerance)}
    unequal = [d for d in differences(old, new) if not any(fnmatch(d[0], pattern) for pattern in chosen.skip)]
    told = [difference for difference in unequal if not forgiven(difference, tolerances)]
    for path, before, after in told:
        print(f"{path}: {str(before)[:300]} -> {str(after)[:300]}")
    print(f"{len(told)} differences, {len(unequal) - len(told)} within the tolerances")
    return int(bool(told))


if __name__ == "__main__":
    sys.exit(main())
