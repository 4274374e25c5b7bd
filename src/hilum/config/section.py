"""The base of all sections of settings, and the kinds of numbers in them."""

from __future__ import annotations

from typing import Annotated, Any, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from hilum.text import items

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, docstrings under fields are their descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _one_for_several(cls, value: Any, info: ValidationInfo) -> Any:
        """One text where a knob takes several is one item."""
        several = get_origin(cls.model_fields[info.field_name or ""].annotation) is tuple
        return items(value) if several and isinstance(value, str) else value
