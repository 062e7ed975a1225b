"""The `pose` stage: people are detected, followed and chosen; see `stage.py`."""
