#!/usr/bin/env python
"""Starts the command line from a checkout; the installed command `aqa` is the same. `--help` lists the commands."""

from __future__ import annotations

import sys

try:
    from pipeline.cli import app, main
except ModuleNotFoundError as missing:
    what = f"package '{missing.name}' is not installed for {sys.executable}"
    fix = "Type: python -m pip install -e ."
    taken = getattr(sys.modules.get("pipeline"), "__file__", None)
    if str(missing.name).startswith("pipeline."):
        what, fix = f"{taken} hides the package 'pipeline' of this program", "Rename it"
    sys.exit(f"error: {what}\n  -> {fix}")

__all__ = ["app", "main"]

if __name__ == "__main__":
    main()
