"""What a run's JSON files hold: read into checked types, so that a damaged or foreign file is one clear error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hilum.config import PrepareConfig
from hilum.errors import DataError, RunError
from hilum.files import read_json
from hilum.locks import left
from hilum.records import first_fault

_Made = TypeVar("_Made")


class _Kept(BaseModel):
    """Fields that are not listed are kept as they are."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Member(_Kept):
    run: str
    epoch: int | None
    weight: float


class _Head(_Kept):
    told: str
    tried: int


class _Plugin(_Kept):
    name: str
    sha256: str
    parts: dict[str, list[str]]


class Info(_Kept):
    """run.json."""

    format: int
    version: str
    status: Literal["running", "stopped", "done"]
    created: str = ""
    command: str = ""
    warnings: list[str] = Field(default_factory=list)
    seconds: float = Field(default=0.0, ge=0)
    members: list[_Member] = Field(default_factory=list)
    head: _Head | None = None
    plugins: list[_Plugin] = Field(default_factory=list)


def read_info(folder: Path) -> dict[str, Any]:
    """run.json; a run that says `running` and that nobody writes was `killed`.

    Raises:
        RunError: it is missing or damaged.
    """
    info = {"command": "", "warnings": [], "seconds": 0.0, **read_object(folder / "run.json", Info)}
    return {**info, "status": "killed"} if info["status"] == "running" and left(folder) else info


class _Counts(_Kept):
    images: int
    patients: int


class _Split(_Kept):
    id: str
    by: str
    counts: dict[str, _Counts]


class _Overlay(_Kept):
    fingerprint: str
    verdicts: str


class _Prevalence(_Kept):
    finding: str
    part: str
    positive: int
    negative: int
    unscored: int


class Data(_Kept):
    """data.json."""

    findings: list[str] = Field(min_length=1)
    split: _Split
    pack: str
    pack_fingerprint: str
    prepare: PrepareConfig
    mean: float
    sd: float
    source: str = ""
    prevalence: list[_Prevalence] = Field(default_factory=list)
    overlay: _Overlay | None = None


class Epoch(_Kept):
    """summary.json of an epoch."""

    epoch: int
    improved: bool = False


def read_object(path: Path, kind: type[_Kept] = _Kept) -> dict[str, Any]:
    """A JSON object of a run's file, as it stands there, checked to be of a kind; errors as `parsed`."""

    def checked(value: dict[str, Any]) -> dict[str, Any]:
        try:
            kind.model_validate(value)
        except ValidationError as error:
            raise DataError(first_fault(error)) from error
        return value

    return parsed(path, checked)


def parsed(path: Path, make: Callable[[dict[str, Any]], _Made]) -> _Made:
    """What `make` reads out of a file's JSON object.

    Raises:
        RunError: the file is missing or damaged, or holds something else.
    """
    try:
        value = read_json(path)
        if not isinstance(value, dict):
            raise ValueError("it should hold a JSON object")
        return make(value)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: the run's folder is not whole.") from error
    except (OSError, LookupError, TypeError, ValueError, AttributeError, DataError) as error:
        raise damaged(path, f"it has no {error}" if isinstance(error, KeyError) else error) from error


def damaged(path: Path, why: object) -> RunError:
    """The error that says that a file of a run is damaged."""
    return RunError(f"{path} is damaged: {why}. Copy the run's folder again from where it was trained.")
