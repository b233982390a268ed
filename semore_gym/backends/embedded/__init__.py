"""The embedded simulator: Panda3D drawing in software, Bullet physics, no download and no GPU."""
