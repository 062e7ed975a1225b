"""Made data with a known truth: rendered dives for the demo, and for measuring the extractors."""
