"""Run all benchmarks, or those named, and write `docs/benchmarks.json` and `docs/benchmarks.md`.

    python -m benchmarks [startup] [packing] [loader] [training] [interval_coverage] [reporting_data] [--dry]

A row is a dict: `work`, `target`, `ours` (median), `peer` (median, or absent), `ratio` (absent where there is no
peer), `unit`, `note`. Rows of benchmarks that are not run are kept as they were.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from hilum.device import describe_environment

ALL = (
    "startup",
    "packing",
    "loader",
    "training",
    "features",
    "heads",
    "scores",
    "interval_coverage",
    "comparing",
    "reporting",
    "reporting_data",
)
DOCS = Path(__file__).parents[1] / "docs"

REMARKS = """\
## Targets that are missed, and why

- **Loader without augmentation, 10x: 7.7 and 8.2x** in two runs. Two threads of one process stand against four
  processes. A batch costs 0.23 ms of Python and 0.55 ms of copying and scaling, which is memory traffic: 410 kB
  a float32 image. Tried: one look-up a batch in place of one an image (6.3x before), deeper queues (a little),
  three and four threads (slower: they wait for Python's lock), reused buffers and huge pages (nothing). What is
  left is to hand over bf16 images where the model runs in bf16, which halves the traffic.
- **Small JPEG against skimage, 8x: 7.4 to 8.2x.** Most of our time is Huffman decoding in libjpeg-turbo, which
  both sides share.
- **Heads against scikit-learn, largest difference of a candidate's AUC 0.002: 0.004 on drawn features**, for C of
  7 and more alone; 0.001 on those of real films. scikit-learn's lbfgs at its own tolerance stops early there, with
  a loss 18 to 140 % above the minimum; against its newton-cholesky at 1e-10 ours agrees as the row below says
  ([solvers](head-solvers.md)). Up to C = 4 all agree within 0.002, the best candidate within 0.00001.
- **Heads, aim of 20x: 8.9x, 7.3x on real films.** Newton steps at large C take most of the time: a product with
  all rows for 32 columns at a time. What was tried is told with the solvers.
- **Four threads packing: 3.0x of one**, while the machine gave 2.9 cores of its four. Bare decoding reached 3.9x
  in a quieter hour.
"""


def main(arguments: list[str]) -> None:
    """Measure, print, and unless `--dry` write the documents."""
    dry = "--dry" in arguments
    chosen = [name for name in arguments if not name.startswith("-")] or list(ALL)
    kept = _read(DOCS / "benchmarks.json")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    key = "cuda" if device.type == "cuda" else "cpu"
    machine = describe_environment(device, "auto")
    for name in chosen:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows = importlib.import_module(f"benchmarks.{name}").rows()
        kept.setdefault(key, {})[name] = {"machine": machine, "rows": rows}
        for row in rows:
            print("  " + " | ".join(_cells(row)), flush=True)
        if not dry:
            (DOCS / "benchmarks.json").write_text(json.dumps(kept, indent=1) + "\n")
            (DOCS / "benchmarks.md").write_text(_page(kept))


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.is_file() else {}


def _page(kept: dict[str, Any]) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`: our way and the peer's in turn in one process run, medians. Ratios count;",
        "absolute times depend on the machine and its neighbours.",
    ]
    for key, found in kept.items():
        machine = next(iter(found.values()))["machine"]
        lines += [
            "",
            f"## {machine['device']}",
            "",
            f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}, "
            f"torch {machine['packages']['torch']}, precision {machine['precision']} ({key}).",
            "",
            "| work | target | ours | peer | ratio | note |",
            "|---|---|---|---|---|---|",
        ]
        for name in ALL:
            lines += ["| " + " | ".join(_cells(row)) + " |" for row in found.get(name, {}).get("rows", [])]
    return "\n".join([*lines, "", REMARKS])


def _cells(row: dict[str, Any]) -> list[str]:
    unit = row.get("unit", "")
    return [
        row["work"],
        row.get("target", ""),
        _number(row.get("ours"), unit),
        _number(row.get("peer"), unit),
        _number(row.get("ratio"), "x"),
        row.get("note", ""),
    ]


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    digits = 0 if abs(value) >= 100 else 2 if abs(value) >= 1 else 3
    return f"{value:,.{digits}f} {unit}".strip()


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    main(sys.argv[1:])
