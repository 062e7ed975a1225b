"""Settings: the table of stages, presets and recipes, the configuration and its errors."""
