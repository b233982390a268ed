"""Chat models that look at a picture, on this machine or behind an endpoint."""
