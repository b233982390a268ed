"""What finished runs left behind: read, named, counted, and what can be said about it."""
