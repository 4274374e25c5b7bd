"""The base of all sections of settings."""

from __future__ import annotations

from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from hilum.text import items


class Section(BaseModel):
    """Base of all sections: frozen, no unknown keys, docstrings under fields are their descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _one_for_several(cls, value: Any, info: ValidationInfo) -> Any:
        """One text where a knob takes several is one item."""
        several = get_origin(cls.model_fields[info.field_name or ""].annotation) is tuple
        return items(value) if several and isinstance(value, str) else value
