"""From a data set to a pack, and what can be told of it before any training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hilum.check import check as check
from hilum.config import CleanConfig as CleanConfig
from hilum.config import DoctorConfig, LimitsConfig, PackConfig, PhantomConfig, with_fields
from hilum.config import PrepareConfig as PrepareConfig
from hilum.doctor import Report
from hilum.doctor import doctor as _doctor
from hilum.pixels import Pack, build_pack
from hilum.report import write_data_report
from hilum.table import SOURCES as SOURCES
from hilum.table import Arranged, Table, clean, read_source
from hilum.table import arrange as _arrange
from hilum_phantom import Faults, Phantom, make_phantom


@with_fields
def phantom(out: str | Path, settings: PhantomConfig) -> Phantom:
    """Draw a study into a new folder, of chest X-rays or container scans; same settings, same bytes.

    Args:
        out: the folder; where it holds this very study already, nothing is drawn.
        settings: what is drawn.

    Raises:
        DataError: the folder holds something else, or what is to be planted does not fit the study.
        DiskError: the disk is full or read-only.
        MissingExtra: the layout `dicom` needs pydicom.
    """
    how = settings
    planted = {one.name: getattr(how, one.name) for one in fields(Faults)}
    return make_phantom(
        out, how.patients, how.layout, how.seed, how.size, masks=how.masks, faults=Faults(**planted),
        workers=how.workers or None,
    )  # fmt: skip


def table(
    source: str,
    root: str | Path,
    *,
    filters: CleanConfig | None = None,
    options: Mapping[str, Any] | None = None,
) -> Table:
    """Read a data set: one row per image.

    Args:
        source: one of `SOURCES`.
        root: its folder.
        filters: rows to keep; all by default.
        options: options of the source; see `hilum sources NAME`.

    Raises:
        DataError: no such source or folder, a folder of another source, or no row left.
    """
    return clean(read_source(source, root, **(options or {})), filters or CleanConfig())[0]


@with_fields
def pack(
    source: str,
    root: str | Path,
    out: str | Path,
    settings: PackConfig,
    *,
    prepare: PrepareConfig | None = None,
    filters: CleanConfig | None = None,
    limits: LimitsConfig | None = None,
    options: Mapping[str, Any] | None = None,
) -> Pack:
    """Decode and resize all images of a data set once; called again after an interruption, it goes on.

    Args:
        source: one of `SOURCES`.
        root: its folder.
        out: the pack's folder.
        settings: how.
        prepare: size and preparation of images; 320 x 320 pixels by default.
        filters: rows to keep; all by default.
        limits: what one image may cost; a larger one is unreadable.
        options: options of the source; see `hilum sources NAME`.

    Raises:
        DataError: see `table`; or more images than `max_excluded` cannot be read.
        PackError: another pack, or other files, are at `out`.
        DiskError: the file system refused.
        MissingExtra: DICOM files without the packages that read them.
    """
    filters = filters or CleanConfig()
    rows = table(source, root, filters=filters, options=options)
    return build_pack(
        rows,
        out,
        prepare or PrepareConfig(),
        films=filters.films,
        workers=settings.workers or None,
        max_excluded=settings.max_excluded,
        limits=limits or LimitsConfig(),
    )


@with_fields
def doctor(
    source: str,
    root: str | Path,
    settings: DoctorConfig,
    *,
    filters: CleanConfig | None = None,
    limits: LimitsConfig | None = None,
    options: Mapping[str, Any] | None = None,
) -> Report:
    """Examine a data set before an hour is lost on it.

    Args:
        source: one of `SOURCES`.
        root: its folder.
        settings: what is examined.
        filters: rows to examine, as a run would filter them.
        limits: what one image may cost; a larger one is unreadable.
        options: options of the source; see `hilum sources NAME`.

    Returns:
        The report; a table that cannot be made from what is there (a missing column, an image id twice) is a fault
        in it.

    Raises:
        DataError: there is no such source, folder or finding, the folder is of another source, or no row is left.
    """
    return _doctor(
        source,
        root,
        options=options,
        filters=filters,
        findings=settings.findings,
        images=not settings.fast,
        size=settings.size,
        max_bad=settings.max_bad,
        workers=settings.workers or None,
        limits=limits,
    )


def arrange(
    source: str,
    root: str | Path,
    out: str | Path,
    *,
    filters: CleanConfig | None = None,
    options: Mapping[str, Any] | None = None,
) -> Arranged:
    """Copy images into d{ImageID%50}/d{PatientID%50}/i{ImageID}.jpg, each copy read back and compared.

    Args:
        source: one of `SOURCES`.
        root: its folder.
        out: the folder to fill, outside `root`.
        filters: rows to keep; all by default.
        options: options of the source; see `hilum sources NAME`.

    Returns:
        The table of the copies, and how many were copied, replaced, and there already.

    Raises:
        DataError: see `table`; or images are missing (none is copied then).
        DiskError: the file system refused.
    """
    return _arrange(table(source, root, filters=filters, options=options), out)


def data_report(pack: Pack | str | Path, out: str | Path | None = None) -> Path:
    """Tell of a pack before any training: one HTML file, and its numbers as JSON beside it.

    Args:
        pack: a pack, or its folder.
        out: the HTML file, or a folder for it; `data-report.html` in the pack by default.

    Returns:
        Path of the HTML file.

    Raises:
        PackError: there is no pack.
        ConfigError: `out` is not an HTML file's name.
        DiskError: it cannot be written.
    """
    return write_data_report(pack, out)
