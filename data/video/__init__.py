"""Videos: finding them, decoding them frame by frame, writing them, and embedding them in a page."""
