"""The encoder of a store, opened again from where it came from."""

from __future__ import annotations

from pathlib import Path

from hilum.config import PrepareConfig
from hilum.errors import DataError
from hilum.features.encoders import EncoderInfo
from hilum.predict import Encoder
from hilum.runs import Run


def reopen(info: EncoderInfo, *, device: str = "auto") -> Encoder:
    """The encoder that made a store's vectors.

    Args:
        info: as the store keeps it.
        device: where it runs.

    Raises:
        DataError: it now has other weights: its vectors would not be comparable.
        RunError, WeightsError, ConfigError, MissingExtra: it is gone; see `Encoder.open`.
    """
    if _is_run(info):
        encoder = Encoder.open(info.origin, device=device, precision=info.precision)
    else:
        encoder = Encoder.open(
            info.model["name"],
            weights=info.origin,
            channels=info.model["channels"],
            size=info.prepare["size"],
            device=device,
            precision=info.precision,
        )
    found = encoder.settings(PrepareConfig(**info.prepare))["fingerprint"]
    if found != info.fingerprint:
        raise DataError(
            f"the weights of {info.origin} have changed since the store's vectors were made: {info.name} now has "
            f"fingerprint {found[:8]}, and {info.fingerprint[:8]} is wanted. Embed the images anew "
            "(hilum embed ... --replace), or bring the former weights back."
        )
    return encoder


def _is_run(info: EncoderInfo) -> bool:
    """Whether its origin is a run of the very network, rather than one whose weights went into another."""
    if not (Path(info.origin) / "run.json").is_file():
        return False
    own = Run(info.origin).config.model
    return {"name": own.name, "channels": own.channels} == info.model
