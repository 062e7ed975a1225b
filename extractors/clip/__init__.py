"""Parts of the stage `clips`: where clips lie, which networks there are, where they run."""
