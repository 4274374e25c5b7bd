"""Changed copies of a pack's images, written once."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hilum.augment import Augmented, augment_pack
from hilum.augment import strength as _strength
from hilum.config import AugmentConfig, AugmentPackConfig, make_config, with_fields
from hilum.errors import ConfigError
from hilum.pixels import Pack
from hilum.text import items


@with_fields
def augment(
    pack: Pack | str | Path, out: str | Path, settings: AugmentPackConfig, *, change: Iterable[str] = ()
) -> Augmented:
    """Write a pack with the images of another and changed copies of its training images.

    Args:
        pack: a pack, or its folder.
        out: the new pack's folder.
        settings: how many copies, and how strongly changed.
        change: settings over those of the strength, as `augment.key=value`.

    Returns:
        The new pack, and how many images it has of which kind.

    Raises:
        ConfigError: an argument or a setting is not possible.
        DataError: there is no image to copy.
        PackError: there is no pack, it holds copies already, or something else is at `out`.
        DiskError: the file system refused.
    """
    preset = _strength(settings.strength)
    config = _changed(preset, list(items(change)))
    name = settings.strength + ("" if config == preset else ", changed")
    opened = pack if isinstance(pack, Pack) else Pack(pack)
    return augment_pack(
        opened,
        out,
        config,
        copies=settings.copies,
        seed=settings.seed,
        parts=settings.parts,
        strength=name,
        workers=settings.workers or None,
    )


def _changed(preset: AugmentConfig, change: list[str]) -> AugmentConfig:
    others = [text for text in change if not text.partition("=")[0].strip().startswith("augment.")]
    if others:
        raise ConfigError(f"{others[0]}: here only settings of section augment count, as augment.degrees=10.")
    return make_config({"augment": preset.model_dump()}, change, "the copies").augment
