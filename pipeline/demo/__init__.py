"""The demo: rendered dives from raw video to scores."""

from pipeline.demo.demo_run import DemoResult, run_demo

__all__ = ["DemoResult", "run_demo"]
