"""From the scene to the picture: light, lens and the software renderer."""
