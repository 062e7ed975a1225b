"""Measurements, one module per area: `python -m benchmarks.AREA` prints a table and writes JSON."""
