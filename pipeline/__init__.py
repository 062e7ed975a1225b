"""What runs, where its output lives, whether it is fresh; training, scoring, reports."""
