"""Dataclasses to JSON and back: what a record holds is said once, by the types of its fields.

::

    @dataclass(frozen=True)
    class Measured:
        name: str
        value: Number  # NaN is null in JSON
        each: Numbers  # float64, a list in JSON
        notes: tuple[str, ...] = ()


    write_json(path, to_json(measured))
    measured = from_json(Measured, read_json(path))

A record whose JSON has another form than its fields keeps a method `to_json`, which records that hold it use too,
and a pydantic `model_validator(mode="before")` that makes its fields of that form.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, cast

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, PlainValidator, TypeAdapter, ValidationError

from hilum.errors import DataError

_Record = TypeVar("_Record")

Number = Annotated[float, BeforeValidator(lambda value: math.nan if value is None else value)]
"""A field of type float that may be NaN, which JSON does not have: it is null there."""


def _array(value: object) -> npt.NDArray[np.float64]:
    try:
        return np.array(value, dtype=np.float64)  # None becomes NaN
    except TypeError as error:
        raise ValueError(str(error)) from error


Numbers = Annotated[npt.NDArray[np.float64], PlainValidator(_array)]
"""A field of type float64 array of any shape, in which NaN is null in JSON."""


def to_json(record: object) -> dict[str, Any]:
    """The fields of a dataclass, in their order, as JSON holds them; NaN and infinity are None.

    Args:
        record: of texts, numbers, arrays, paths, sequences, mappings, settings, and records of these.
    """
    assert is_dataclass(record), f"{type(record).__name__} is no dataclass"
    return {field.name: _plain(getattr(record, field.name)) for field in fields(record)}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):  # also numpy's float64
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "to_json"):
        return value.to_json()
    return to_json(value) if is_dataclass(value) else str(value)


def from_json(kind: type[_Record], value: object) -> _Record:
    """Make a record of what `to_json` gave; keys that it does not know are left out.

    Args:
        kind: a dataclass, or a pydantic model.
        value: as JSON holds it.

    Raises:
        DataError: a field is missing, or is not of its type; the message names it and says what it is.
    """
    try:
        made: _Record = _adapter(cast("Hashable", kind)).validate_python(value)
    except ValidationError as error:
        raise DataError(f"this is no {kind.__name__}: {first_fault(error)}") from error
    return made


def first_fault(error: ValidationError) -> str:
    """The first fault, as `status: Input should be 'running', 'stopped' or 'done' (it is 7)`."""
    fault = error.errors()[0]
    where = ".".join(map(str, fault["loc"]))
    what = "" if fault["type"] == "missing" else f" (it is {str(fault['input'])[:60]!r})"
    return f"{where}: {fault['msg']}{what}" if where else f"{fault['msg']}{what}"


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
