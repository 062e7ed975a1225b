"""The demo: rendered dives from raw video to scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from data.lazy import importer

if TYPE_CHECKING:
    from pipeline.demo.demo_run import DemoResult, Hooks, run_demo
else:
    __getattr__ = importer(
        __name__,
        demo_run="DemoResult Hooks run_demo",
    )

__all__ = ["DemoResult", "Hooks", "run_demo"]
