"""Data sets: each official layout of labels and files becomes a list of records."""

from data.datasets.listing import list_records

__all__ = ["list_records"]
