"""The demo: rendered dives from raw video to scores."""
