"""One package per stage: an opened video becomes named arrays. The pipeline opens every file for it."""
