"""Reads label files as text of limited size, decoded strictly; every error names the file and the line.

Label files are written by hand, so every cell is checked. A video name must stay inside the data set's folder. Rows
with more or fewer cells than the header are errors.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from data.datasets.workbooks import first_sheet, is_workbook
from data.errors import DataError, UsageError, nearest, printable
from data.store import read_regular
from data.video.records import MAX_LABEL

MAX_BYTES = 64 << 20  # label and kinematics files larger than this are refused: the largest real one is below 10 MB
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
DECIMAL_COMMA = re.compile(r"(?<![\w.+-])[+-]?\d+,\d+", re.ASCII)
DELIMITERS = (",", ";", "\t", "|")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a text that a spreadsheet may read as a formula."""


def read_bytes(path: Path) -> bytes:
    """The content of a regular file of at most `MAX_BYTES`. Raises DataError: it cannot be read, or is larger."""
    try:
        return read_regular(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise DataError(f"cannot be read ({reason})", where=path, fix="Check the path and its permissions") from error


def first_file(root: Path, folders: Sequence[str], names: Sequence[str], fix: str) -> Path:
    """The first of the `names` that is a file in one of the `folders` below `root`. Raises UsageError: no match."""
    for path in (root / folder / name for name in names for folder in folders):
        if path.is_file():
            return path
    raise UsageError(f"no {' or '.join(names)}", where=root, fix=fix)


def read_text(path: str | Path, content: bytes | None = None) -> str:
    """The text of a file in UTF-8 (byte order mark optional) or UTF-16 (mark required), with `\\n` as line end.

    `content` is the file's, if already read. Raises DataError, which names the line: unreadable, too large, or not such
    a text.
    """
    content = read_bytes(Path(path)) if content is None else content
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        where = at_line(path, line)
        raise DataError("holds bytes that are not UTF-8", where=where, fix="Save the file as UTF-8") from error
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if (position := text.find("\0")) >= 0:
        line = text.count("\n", 0, position) + 1
        raise DataError("holds a NUL character", where=at_line(path, line), fix="Save the file as plain text")
    return text


def at_line(path: str | Path, line: int) -> str:
    """`file:line`, for errors."""
    return f"{printable(path)}:{line}"


def number(cell: str, *, where: str, what: str, decimal_comma: bool = False) -> float:
    """The finite number written in `cell`; with `decimal_comma`, "7,5" is 7.5. Raises DataError, which names `what`."""
    if decimal_comma and DECIMAL_COMMA.fullmatch(cell):
        cell = cell.replace(",", ".")
    if not NUMBER.fullmatch(cell):
        fix = "Write it as 12.5" + (", or separate the cells by semicolons" if DECIMAL_COMMA.fullmatch(cell) else "")
        raise DataError(f"{what} is '{clip(cell)}', not a finite number", where=where, fix=fix)
    value = float(cell)
    if abs(value) > MAX_LABEL:
        raise DataError(f"{what} is '{clip(cell)}', too large for a score", where=where, fix="Correct the cell")
    return value


def clip(text: str, limit: int = 60) -> str:
    """`text` made printable and short enough for an error line."""
    shown = printable(text)
    return shown if len(shown) <= limit else f"{shown[:limit]}..."


def spreadsheet_text(text: str) -> str:
    """`text`, with an apostrophe in front if a spreadsheet might read it as a formula."""
    return f"'{text}" if text.lstrip("'").startswith(FORMULA_STARTS) else text


def csv_lines(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of CSV; callers apply `spreadsheet_text`."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def without_mark(cell: str) -> str:
    """The text of a cell, without the apostrophe of `spreadsheet_text`."""
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(FORMULA_STARTS) else cell


def inner_path(cell: str, *, where: str) -> str:
    """A video name from a label file as a `/`-separated path inside the data set's folder.

    Backslashes count as separators, since tables are often written on Windows.

    Raises DataError: empty, absolute, or leading out of the folder.
    """
    parts = PurePosixPath(cell.replace("\\", "/")).parts
    if PureWindowsPath(cell).drive or PureWindowsPath(cell).root or ".." in parts:
        fix = "Write names relative to the data set's folder, without '..'"
        raise DataError(f"the video '{clip(cell)}' is outside the folder", where=where, fix=fix)
    if not parts:
        raise DataError("a row without a video name", where=where, fix="Fill in the column 'video'")
    return "/".join(parts)


@dataclass(frozen=True)
class LabelRow:
    """One row of a label table."""

    file: str | Path
    line: int  # its last
    cells: Mapping[str, str]  # stripped text by column name; empty cells are left out
    decimal_comma: bool = False  # whether numbers may be written as "7,5" (the delimiter is not a comma)

    @property
    def where(self) -> str:
        """Its place, for messages."""
        return at_line(self.file, self.line)

    def text(self, column: str) -> str:
        """The cell's text, empty if missing."""
        return self.cells.get(column, "")

    def number(self, column: str) -> float | None:
        """The cell's number, None if empty. Raises DataError: not a finite number."""
        cell = self.text(column)
        if not cell:
            return None
        return number(cell, where=self.where, what=column, decimal_comma=self.decimal_comma)


def read_table(
    path: str | Path, content: bytes, columns: tuple[str, ...], aliases: Mapping[str, str]
) -> tuple[list[LabelRow], list[str]]:
    """The rows of a table, and a line for each unused column.

    The header must have the first of `columns`, by which the delimiter is found: comma, semicolon, tab or bar. Names
    ignore case and surrounding blanks; `aliases` are other names of known columns.

    Raises DataError: no such header, a repeated column, a row longer or shorter than the header, broken quoting.
    """
    if is_workbook(path, content):
        return _sheet(path, first_sheet(path, content), columns, aliases)
    lines = io.StringIO(read_text(path, content))
    header_line = next((line for line in lines if line.strip()), "")
    if not header_line:
        raise DataError("empty", where=path, fix=f"The first line names the columns: {','.join(columns)}")
    lines.seek(0)
    delimiter, header = _header(path, header_line, columns, aliases)
    rows = _rows(path, lines, delimiter, header)
    return rows, _unread(path, header, rows, columns)


def _sheet(
    path: str | Path, cells: list[list[str]], columns: tuple[str, ...], aliases: Mapping[str, str]
) -> tuple[list[LabelRow], list[str]]:
    """What `read_table` returns, from the cells of a workbook; a number may have a decimal comma."""
    filled = [(line, row) for line, row in enumerate(cells, start=1) if any(row)]
    if not filled:
        raise DataError("empty", where=path, fix=f"The first row names the columns: {','.join(columns)}")
    header = _names(path, filled[0][1], columns, aliases)
    if header is None:
        raise _no_column(path, filled[0][1], columns)
    rows = [
        LabelRow(path, line, {name: cell for name, cell in zip(header, row, strict=True) if name and cell}, True)
        for line, row in filled[1:]
    ]
    return rows, _unread(path, header, rows, columns)


def _unread(path: str | Path, header: list[str], rows: Sequence[LabelRow], columns: tuple[str, ...]) -> list[str]:
    """A line for each unused column."""
    return [
        f"{PurePosixPath(path).name}: column '{clip(name)}' is not read ({_meant(name, header, rows, columns)})"
        for name in header
        if name and name not in columns
    ]


ALIKE = 0.7
"""Least similarity of a misspelt column's name: "athlet" is not "date"."""


def _meant(name: str, header: list[str], rows: Sequence[LabelRow], columns: tuple[str, ...]) -> str:
    """A hint for an unread column: it may be the score if it holds numbers and no column is called score."""
    cells = [text for row in rows if (text := row.text(name))]
    if (
        "score" in columns
        and "score" not in header
        and cells
        and all(NUMBER.fullmatch(text) or DECIMAL_COMMA.fullmatch(text) for text in cells)
    ):
        return "if it is the score, rename it to 'score'"
    return nearest(name, columns, ALIKE)


def _header(path: str | Path, line: str, columns: tuple[str, ...], aliases: Mapping[str, str]) -> tuple[str, list[str]]:
    longest: list[str] = []
    for delimiter in DELIMITERS:
        cells = _cells(line.rstrip("\n"), delimiter)
        if (names := _names(path, cells, columns, aliases)) is not None:
            return delimiter, names
        longest = max(longest, cells, key=len)
    raise _no_column(path, longest, columns)


def _names(
    path: str | Path, cells: Sequence[str], columns: tuple[str, ...], aliases: Mapping[str, str]
) -> list[str] | None:
    """The names of columns in a header; None without the first of `columns`."""
    raw = [cell.strip(" \t\"'").lower() for cell in cells]
    names = [aliases.get(name, name) for name in raw]
    if columns[0] not in names:
        return None
    if twice := {name for name in names if name and names.count(name) > 1}:
        raise DataError(f"column '{clip(min(twice))}' appears twice", where=at_line(path, 1), fix="Keep one")
    return names


def _no_column(path: str | Path, cells: Sequence[str], columns: tuple[str, ...]) -> DataError:
    what = f"no column '{columns[0]}' in the header ({clip(', '.join(cells).lower())})"
    return DataError(what, where=at_line(path, 1), fix=f"The first line names the columns: {','.join(columns)}")


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of a header; a delimiter between quotes is part of its cell."""
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter != "\t"), [])
    except csv.Error:  # a cell longer than csv allows
        return line.split(delimiter)


def _rows(path: str | Path, lines: io.StringIO, delimiter: str, header: list[str]) -> list[LabelRow]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=delimiter != "\t")
    filled = (cells for cells in reader if any(cell.strip() for cell in cells))
    rows: list[LabelRow] = []
    try:
        next(filled)  # the header
        for cells in filled:
            where = at_line(path, reader.line_num)
            if len(cells) != len(header):
                what = f"{len(cells)} cells where the header has {len(header)}"
                fix = "Quote cells that hold the delimiter; keep empty cells"
                if delimiter == "," and len(cells) > len(header) and (cut := DECIMAL_COMMA.search(",".join(cells))):
                    fix = f"Write {cut[0].replace(',', '.')} for {cut[0]}, or separate the cells by semicolons"
                raise DataError(what, where=where, fix=fix)
            texts = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
            rows.append(LabelRow(path, reader.line_num, texts, decimal_comma=delimiter != ","))
    except csv.Error as error:
        what = f"broken table ({clip(str(error))})"
        raise DataError(what, where=at_line(path, reader.line_num), fix="Check the quotes") from error
    return rows
