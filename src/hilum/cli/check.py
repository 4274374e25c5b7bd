"""`hilum check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hilum.cli.options import AsJson
from hilum.cli.show import show_json

if TYPE_CHECKING:
    from hilum.check import Checked


def check(
    path: Annotated[
        str, typer.Argument(help="A run, a pack, a feature store, a file of weights, or a folder of runs.")
    ],
    as_json: AsJson = False,
) -> int:
    """Read something whole and say what of it is no longer as it was written.

    Exits with 1 where anything is damaged. Nothing is changed.
    """
    from hilum.check import check as examine
    from hilum.records import to_json

    found = examine(path)
    if as_json:
        show_json([to_json(one) for one in found])
    else:
        for one in found:
            _show(one)
    return 1 if any(one.damaged for one in found) else 0


def _show(one: Checked) -> None:
    from hilum.text import listed, many

    rows = {"pack": "image", "store": "vector"}.get(one.kind, "")
    counted = [many(one.files, "file")] * bool(one.files) + [many(one.rows, rows)] * bool(rows)
    state = f"{len(one.damaged):,} DAMAGED" if one.damaged else "all as written"
    typer.echo(f"{one.path}: {one.kind} of {' and '.join(counted)}, {state}")
    for line in one.damaged:
        typer.echo(f"  {line}")
    if one.without:
        typer.echo(f"  without a checksum, from an earlier hilum: {listed(one.without)}")
