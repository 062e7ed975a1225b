"""Parts of the pages in docs/, for tests that run what a page shows."""

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def code_of(page, section):
    """The contents of the Python and plain code blocks of one section of a page, in their order.

    Raises:
        ValueError: the page has no such section, or more than one.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    (part,) = re.findall(rf"^## {re.escape(section)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"```(?:python)?\n(.*?)```", part, re.DOTALL)
