"""The suites: each module defines its participants, its data and its targets."""
