"""What moves, and how: the ego, traffic, walkers, and what their instruments read."""
