"""The demo: rendered dives from raw video to scores. Workers import this package, so it imports nothing."""
