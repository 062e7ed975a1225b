"""One stage, one file: an opened video becomes named arrays. Nothing here writes to disk."""
