"""Training runs: their folders, checkpoints, resumption and progress."""
