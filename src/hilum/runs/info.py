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

Found = TypeVar("Found")


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


def read_object(path: Path, kind: type[_Kept] | None = None) -> dict[str, Any]:
    """A JSON object of a run's file, checked to be of a kind.

    Raises:
        RunError: it is missing or damaged.
    """
    try:
        value = read_json(path)
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing: the run's folder is not whole.") from error
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error
    if not isinstance(value, dict):
        raise damaged(path, "it should hold a JSON object")
    if kind is not None:
        try:
            kind.model_validate(value)
        except ValidationError as error:
            raise damaged(path, _first(error)) from error
    return value


def parsed(path: Path, make: Callable[[dict[str, Any]], Found]) -> Found:
    """What `make` reads out of a file's JSON object.

    Raises:
        RunError: the file is missing or damaged, or holds something else.
    """
    value = read_object(path)
    try:
        return make(value)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, DataError) as error:
        what = f"it has no {error}" if isinstance(error, KeyError) else error
        raise damaged(path, what) from error


def damaged(path: Path, why: object) -> RunError:
    """The error that says that a file of a run is damaged."""
    return RunError(f"{path} is damaged: {why}. Copy the run's folder again from where it was trained.")


def _first(error: ValidationError) -> str:
    """The first fault, as `status: Input should be 'running', 'stopped' or 'done' (it is 7)`."""
    fault = error.errors()[0]
    where = ".".join(map(str, fault["loc"]))
    what = "" if fault["type"] == "missing" else f" (it is {str(fault['input'])[:60]!r})"
    return f"{where}: {fault['msg']}{what}"
