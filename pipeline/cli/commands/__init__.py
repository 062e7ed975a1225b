"""One short file for one or more related commands: what they print, and the next command."""
