"""Labels that are probably wrong."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

from hilum.api.opened import formerly
from hilum.config import NoiseConfig, with_fields
from hilum.errors import ConfigError
from hilum.features import FeatureStore
from hilum.heads import Candidate
from hilum.locks import writing
from hilum.noise import Suspects, check_out, find_suspects
from hilum.report import write_suspects


@formerly(verdicts="labels", k="neighbours", by="reader")
@with_fields
def noise(
    store: FeatureStore | str | Path,
    settings: NoiseConfig,
    *,
    candidate: Candidate | None = None,
    out: str | Path | None = None,
) -> Suspects:
    """Look for wrong labels in a feature store, and write a page of suspects to be judged by a reader.

    Args:
        store: a feature store, its folder or URL.
        settings: how they are looked for.
        candidate: the classifier; the best of some for each finding by default.
        out: a folder for `suspects.html`, `suspects.json`, `suspects.csv` and `overlay.csv`; None writes nothing.

    Returns:
        The suspects, worst first, and the estimated share of wrong labels.

    Raises:
        ConfigError: an argument out of range, or no such encoder.
        DataError: no such store or finding, too few images of a class, or verdicts that would be lost.
        InUse: another process writes `out`.
        MissingExtra: cleanlab, or LanceDB, is not installed.
    """
    if settings.accept and out is None:
        raise ConfigError("verdicts that are accepted are written to a folder: name one with --out.")
    with writing(out) if out is not None else nullcontext():
        if out is not None:
            check_out(Path(out))
        found = find_suspects(store, settings, candidate)
        if out is not None:
            found.save(Path(out), settings.accept, settings.reader)
            write_suspects(found, Path(out))
    return found
