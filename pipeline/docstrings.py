"""Parts of a docstring, for help texts and the documentation: they use the same words as the code's documentation."""

from __future__ import annotations

import inspect
import re
from typing import Any

SECTION = re.compile(r"^(?:Args|Returns|Raises|Yields|Attributes|Common arguments):$", re.MULTILINE)


def description(thing: Any) -> str:
    """The docstring up to its first section such as `Args:`."""
    return SECTION.split(inspect.getdoc(thing) or "", maxsplit=1)[0].strip()


def entries(thing: Any, section: str) -> dict[str, str]:
    """Text by name of a section such as `Args:`, in one line without its full stop; "a, b: text" gives two entries."""
    _, _, block = (inspect.getdoc(thing) or "").partition(f"{section}:\n")
    block = SECTION.split(block, maxsplit=1)[0]
    matches = re.findall(
        r"^ {4}([a-z_]\w*(?:, \w+)*): (.*?)(?=^ {4}\w[\w, ]*: |^\S|\Z)", block, re.MULTILINE | re.DOTALL
    )
    return {
        name.strip(): " ".join(text.split()).removesuffix(".") for names, text in matches for name in names.split(",")
    }
