"""The sensor: wait until a window is published."""
