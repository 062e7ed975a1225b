"""An extension of mkdocstrings: comments behind the fields of a class become its list of attributes."""

from __future__ import annotations

import ast
from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Adds a section `Attributes:` to the docstring of every class that has none and comments its fields."""

    def on_class_members(self, *, node: Any, cls: griffe.Class, **_: Any) -> None:
        """Called by griffe with each class and its syntax tree."""
        if not isinstance(node, ast.ClassDef) or cls.docstring is None or "Attributes:\n" in cls.docstring.value:
            return
        lines = cls.lines_collection[cls.filepath]
        fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
        comments = {ast.unparse(field.target): lines[field.end_lineno - 1].partition("  # ")[2] for field in fields}
        entries = [f"    {name}: {comment}" for name, comment in comments.items() if comment]
        if entries:
            cls.docstring.value += "\n\nAttributes:\n" + "\n".join(entries)
