"""The configuration as a JSON schema: editors complete and check keys of a YAML file with it."""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.config import config_class, validate
from pipeline.config_errors import section_class
from pipeline.docstrings import entries

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def config_schema() -> dict[str, Any]:
    """The JSON schema of a configuration file: every key with its type, meaning and default."""
    model = config_class()
    schema = model.model_json_schema()
    defaults = validate({}).dump()
    _fill(schema, schema, defaults, model)
    return {"$schema": DIALECT, **schema, "title": "Configuration of aqa", "description": "Sections and keys: `aqa`"}


def _fill(schema: dict[str, Any], part: dict[str, Any], defaults: dict[str, Any], model: Any) -> None:
    """Add what pydantic leaves out: defaults that a factory makes, descriptions of a dataclass."""
    about = entries(model, "Attributes") if dataclasses.is_dataclass(model) else {}
    part.pop("required", None)  # the recipe gives what a file leaves out
    for name, entry in part.get("properties", {}).items():
        entry.pop("title", None)
        entry["default"] = defaults[name]
        if name in about:
            entry.setdefault("description", about[name])
        if "$ref" in entry:
            inner = schema["$defs"][entry["$ref"].rpartition("/")[2]]
            entry.setdefault("description", " ".join(inner.get("description", "").split("\n\n")[0].split()))
            _fill(schema, inner, defaults[name], section_class(model, (name,)))
