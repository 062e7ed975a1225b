"""The demo: rendered dives from raw video to scores."""

from pipeline.demo.demo_run import DemoResult, Hooks, run_demo

__all__ = ["DemoResult", "Hooks", "run_demo"]
