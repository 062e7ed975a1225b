"""Data sets: each official layout of labels and files becomes a list of records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from data.datasets.listing import list_records
else:
    __getattr__ = importer(
        __name__,
        listing="list_records",
    )

__all__ = ["list_records"]
