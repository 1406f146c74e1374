"""Python's own start, and no work."""
