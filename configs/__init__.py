"""Presets: one configuration per kind of data set, found by name (`--config jigsaws`), and the published splits."""
