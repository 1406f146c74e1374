"""Monthly figures of the lake: percentiles, coverage, busy hours, group sums and trends."""
