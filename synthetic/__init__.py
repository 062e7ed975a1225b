"""Synthetic data with a known truth: rendered dives and planted data sets for demo, tests and benchmarks."""

from synthetic.dives import plan_dives, read_truth, render_dives

__all__ = ["plan_dives", "read_truth", "render_dives"]
