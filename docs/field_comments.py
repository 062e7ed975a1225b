"""An extension of mkdocstrings: comments behind the fields of a class become its list of attributes."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Adds a section `Attributes:` to the docstring of every class that has none and comments its fields."""

    def on_class_members(self, *, node: Any, cls: griffe.Class, **_: Any) -> None:
        """Called by griffe with each class and its syntax tree."""
        path = cls.filepath
        if not isinstance(node, ast.ClassDef) or not isinstance(path, Path) or cls.docstring is None:
            return
        lines, entries = cls.lines_collection[path], []
        for field in node.body:
            if isinstance(field, ast.AnnAssign):
                comment = lines[(field.end_lineno or field.lineno) - 1].partition("  # ")[2]
                if comment and not comment.startswith(("noqa", "type:", "fmt:")):
                    entries.append(f"    {ast.unparse(field.target)}: {comment}")
        if entries and "Attributes:\n" not in cls.docstring.value:
            cls.docstring.value += "\n\nAttributes:\n" + "\n".join(entries)
