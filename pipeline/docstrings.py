"""Parts of a docstring, so that help texts and the JSON schema say what the code's documentation says."""

from __future__ import annotations

import inspect
import re
from typing import Any

SECTION = re.compile(r"^(?:Args|Returns|Raises|Yields|Attributes|Common arguments):$", re.MULTILINE)


def description(thing: Any) -> str:
    """The docstring up to its first section such as `Args:`."""
    return SECTION.split(inspect.getdoc(thing) or "", maxsplit=1)[0].strip()


def entries(thing: Any, section: str) -> dict[str, str]:
    """Name to text, in one line without its full stop, of a section such as `Args:`; "a, b: text" stands for both."""
    _, _, block = (inspect.getdoc(thing) or "").partition(f"{section}:\n")
    block = SECTION.split(block, maxsplit=1)[0]
    found = re.findall(r"^ {4}([a-z_]\w*(?:, \w+)*): (.*?)(?=^ {4}\w[\w, ]*: |^\S|\Z)", block, re.MULTILINE | re.DOTALL)
    return {
        name.strip(): " ".join(text.split()).removesuffix(".") for names, text in found for name in names.split(",")
    }
