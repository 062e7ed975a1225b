"""Parts of evaluation: protocols, baselines, every system of the paper's tables, its tables."""
