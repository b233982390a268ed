"""Methods x scenarios x seeds: what is run, what came of it, and what can be said about it."""
