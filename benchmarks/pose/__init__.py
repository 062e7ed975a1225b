"""Accuracy of the pose stage on real people and on rendered dives: `python -m benchmarks.pose`."""
