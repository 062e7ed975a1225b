"""Names of the form `module:name`, by which users add stages, data sets or systems of their own."""

from __future__ import annotations

import os
import sys
from pkgutil import resolve_name
from typing import Any

from data.errors import UsageError, printable


def is_outside(name: str) -> bool:
    """Whether a name is of the form `module:name`."""
    return ":" in name


def imported(name: str) -> Any:
    """The object `module:name`. Importing the module runs its code; the working folder is searched last.

    Raises UsageError: the import fails.
    """
    if (folder := os.getcwd()) not in sys.path:
        sys.path.append(folder)
    try:
        return resolve_name(name)
    except Exception as error:  # foreign modules may raise anything
        top = printable(name.partition(":")[0].partition(".")[0])
        raise UsageError(
            f"'{printable(name)}' cannot be imported ({type(error).__name__}: {error})",
            fix=f"Work in the folder that holds {top}, or install the package that has it",
        ) from error


def code_file(name: str) -> str:
    """The source file of `module:name`, printable, or "". Raises as `imported`."""
    imported(name)
    return printable(getattr(sys.modules[name.partition(":")[0]], "__file__", None) or "")
