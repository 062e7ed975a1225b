"""Synthetic data with a known truth: rendered dives and planted data sets for demo, tests and benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from synthetic.dives import plan_dives, read_truth, render_dives
else:
    __getattr__ = importer(
        __name__,
        dives="plan_dives read_truth render_dives",
    )

__all__ = ["plan_dives", "read_truth", "render_dives"]
