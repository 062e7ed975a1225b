"""The base of the sections of a configuration, and classes with sections."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, create_model

T = TypeVar("T", bound=BaseModel)


class Section(BaseModel):
    """Base of every section: strict and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False)

    def dump(self) -> dict[str, Any]:
        """All values as JSON types."""
        return self.model_dump(mode="json")

    def given(self) -> dict[str, Any]:
        """What a file or an override gave, as JSON types; the other values are defaults."""
        return self.model_dump(mode="json", exclude_unset=True)


def with_sections(base: type[T], sections: Mapping[str, type[BaseModel]]) -> type[T]:
    """The class `base` with further sections by name, each with its defaults; equal arguments give one class."""
    return cast(type[T], _with_sections(base, tuple(sections.items())))


@cache
def _with_sections(base: type[BaseModel], sections: tuple[tuple[str, type[BaseModel]], ...]) -> type[BaseModel]:
    fields: dict[str, Any] = {name: (kind, Field(default_factory=kind)) for name, kind in sections}
    return create_model(f"Whole{base.__name__}", __base__=base, **fields)
