"""Presets: one configuration for each kind of data set, chosen by name (`--config jigsaws`), and published splits."""
