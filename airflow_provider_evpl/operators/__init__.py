"""The operators: pull a window, and find what a lake lacks."""
