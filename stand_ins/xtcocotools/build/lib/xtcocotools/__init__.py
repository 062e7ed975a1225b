"""Stand-in for xtcocotools, a fork of pycocotools that no longer builds: the same names over pycocotools."""
