"""Scoring: a trained run gives new videos scores with intervals, flags, and the contribution of every time step."""
