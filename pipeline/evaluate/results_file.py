"""`results.json`: the only place where the results of an evaluation are JSON."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from data.errors import DataError
from data.store import read_json, write_text
from pipeline.evaluate.evaluation_results import EvaluationResults

FORMAT = 9


@cache
def _adapter() -> TypeAdapter[EvaluationResults]:
    return TypeAdapter(EvaluationResults)


def results_as_json(results: EvaluationResults) -> dict[str, Any]:
    """The results as JSON types; docs/evaluation.md lists every key."""
    return {"format": FORMAT, **_adapter().dump_python(results, mode="json")}


def write_results(results: EvaluationResults, path: str | Path) -> None:
    """Write `results.json`, atomically."""
    write_text(Path(path), json.dumps(results_as_json(results), indent=1, allow_nan=False) + "\n")


def read_results(path: str | Path) -> EvaluationResults:
    """Read what `write_results` wrote. Raises DataError if it is missing, damaged or of another format."""
    fix = "Run 'evaluate' again"
    try:
        values = read_json(Path(path))
    except (OSError, ValueError) as error:
        raise DataError("no readable results", where=path, fix=fix) from error
    if not isinstance(values, dict) or values.pop("format", None) != FORMAT:
        raise DataError("results of another format", where=path, fix=fix)
    try:
        return _adapter().validate_python(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or "the whole file"
        raise DataError(f"damaged results: {key}: {first['msg'].lower()}", where=path, fix=fix) from error
