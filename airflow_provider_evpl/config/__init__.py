"""Text and mappings become checked values: connection settings, arguments, a run's window."""
