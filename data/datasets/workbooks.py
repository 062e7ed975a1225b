"""Reads the first sheet of an Excel workbook as text cells, through openpyxl."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

from data.errors import DataError, of_extra

MOST_BYTES = 64 << 20
"""A workbook whose parts unpack to more is refused: a table of scores takes far less."""

SIGNATURE = b"PK\x03\x04"


def is_workbook(path: str | Path, content: bytes) -> bool:
    """Whether a file's content or suffix is that of a workbook."""
    return content.startswith(SIGNATURE) or Path(path).suffix.lower() == ".xlsx"


def first_sheet(path: str | Path, content: bytes) -> list[list[str]]:
    """The cells of the first sheet by row, as text; empty cells are empty texts, rows have one length.

    Raises UsageError: openpyxl is not installed; DataError: an unreadable workbook, or a too large one.
    """
    with of_extra("excel", "an Excel workbook", where=path, instead="; or save it as CSV (UTF-8)"):
        from openpyxl import load_workbook
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            if sum(part.file_size for part in parts.infolist()) > MOST_BYTES:
                raise ValueError(f"it unpacks to more than {MOST_BYTES >> 20} MB")
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        rows = [[_text(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True)]
    except Exception as error:  # openpyxl raises many kinds for damaged parts
        fix = "Open it in a spreadsheet program and save it again, or save it as CSV (UTF-8)"
        reason = str(error).split("\n", 1)[0][:100]
        raise DataError(f"is not a readable workbook ({reason})", where=path, fix=fix) from error
    width = max(map(len, rows), default=0)
    return [row + [""] * (width - len(row)) for row in rows]


def _text(cell: Any) -> str:
    """A cell as CSV text: dates as 2026-05-31, whole numbers without a point."""
    if cell is None:
        return ""
    if isinstance(cell, datetime) and cell.time() == datetime.min.time():
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()
