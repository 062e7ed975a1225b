"""Training: normalises features, trains all networks of a run as one stack, and resumes from checkpoints."""
