"""Evaluation: trains systems on the folds of a protocol, predicts the held-out parts, and summarises the results."""
