"""The base of the sections of a configuration."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Base of every section: strict and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    def dump(self) -> dict[str, Any]:
        """All values as JSON types."""
        return self.model_dump(mode="json")

    def given(self) -> dict[str, Any]:
        """The values from a file or an override, as JSON types; the others are defaults."""
        return self.model_dump(mode="json", exclude_unset=True)
