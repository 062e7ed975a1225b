"""Parts of training: recipes, all runs as one stack, normalisation, checkpoints, inner validation, search."""
