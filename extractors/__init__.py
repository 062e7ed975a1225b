"""One package per stage: an opened video becomes named arrays. Nothing here writes to disk."""
