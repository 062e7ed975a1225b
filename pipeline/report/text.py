"""Text and addresses for HTML.

Jinja2 escapes markup. This module makes control characters and undecodable bytes visible, and keeps line breaks. It
allows only safe addresses.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from data.errors import printable, significant
from pipeline.checks.accuracy import as_printed
from pipeline.score.video_score import StepScore

_DATA_URI = re.compile(r"data:(?:image|video)/[a-z0-9.+-]+;base64,[A-Za-z0-9+/=]+")
_SCHEME = re.compile(r"(?:https?|file)://", re.IGNORECASE)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")

MINUS = "\N{MINUS SIGN}"

MISSING = "–"
"""Shown for an unknown or undefined value."""


def lines(text: str) -> Markup:
    """`text` escaped, with every line made printable and the line breaks kept."""
    return escape("\n".join(printable(line.expandtabs()) for line in re.split(r"\r\n|\r|\n", text)))


def template_value(value: Any) -> Any:
    """`value` as text for the template, before HTML escaping."""
    if value is None:
        return MISSING
    return printable(value) if type(value) is str else value


def to_digits(value: float | Decimal | None, digits: int = 2, sign: bool = False) -> str:
    """`value` with `digits` decimals and a real minus sign; a dash if None or not finite."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{as_printed(float(value), digits):{'+' if sign else ''}f}"
    return text.replace("-", MINUS)


def plus(value: Decimal) -> str:
    """`+ 4.53` or `− 4.53`, as a term of a sum."""
    return f"{'+' if value >= 0 else MINUS} {abs(value)}"


def measure_text(value: float | str | None) -> str:
    """A quality measure as text: yes or no, integers whole, others with three significant digits."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return to_digits(value, 0) if value.is_integer() else significant(value).replace("-", MINUS)
    return MISSING if value is None else printable(str(value))


def clock(seconds: float | None) -> str:
    """`7.25 s` below a minute, `3:07` above."""
    if seconds is None or not math.isfinite(seconds):
        return MISSING
    if seconds < 60:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def data_uri(uri: str | None) -> str | None:
    """`uri` if it is exactly a base64 image or video, else None."""
    return uri if uri is not None and _DATA_URI.fullmatch(uri) else None


def safe_link(link: str | None) -> str | None:
    """A percent-encoded link: http, https, file or a path relative to the page; None if unsafe.

    Undecodable bytes of a file name are kept (`%ff`). Any other text, such as `javascript:`, counts as a file name.
    Text that is impossible in a file name (half a surrogate pair) gives None.
    """
    if not link or _DRIVE.match(link):
        return None
    try:
        encoded = os.fsencode(link)
    except UnicodeEncodeError:
        return None
    if _SCHEME.match(link):
        return quote(encoded, safe=":/?&=%#[]@+,;~")
    path = quote(encoded, safe="/~")
    absolute = path.startswith("/") and not path.startswith("//")
    return path if absolute or path.startswith(("./", "../")) else f"./{path.lstrip('/')}"


def script_json(value: Any) -> str:
    """JSON that is safe inside `<script>`: no `<`, `>`, `&` or line separators, NaN as null."""
    text = json.dumps(_finite(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(str(key)): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def steps_named(steps: Sequence[StepScore], first: int, last: int) -> str:
    """Such as "step 3", "steps 3-5", or with phases "step 3 (flight)"; indices count from 0."""
    numbers = f"step {first + 1}" if first == last else f"steps {first + 1}\N{EN DASH}{last + 1}"
    names = " to ".join(dict.fromkeys(steps[index].phase for index in (first, last) if steps[index].phase))
    return f"{numbers} ({names})" if names else numbers
