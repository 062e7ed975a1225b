"""One short file a command, or a few that belong together: what is printed, and the line to type next."""
