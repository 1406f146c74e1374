"""Start Python and do nothing."""
