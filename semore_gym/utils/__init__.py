"""What has nothing to do with driving or learning: files, processes, devices, downloads."""
