"""Where the trials of a benchmark run: on this machine, or on a Ray cluster."""
