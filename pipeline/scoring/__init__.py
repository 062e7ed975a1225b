"""Parts of scoring: the model bundle, intervals, flags, export."""
