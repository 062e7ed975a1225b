"""Parts of extraction: plans, one decode, engines, costs, run records."""
