"""Accuracy of the pose stage on real people with triangulated joints, and on rendered dives: `python -m benchmarks.pose`."""
