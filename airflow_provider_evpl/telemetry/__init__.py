"""What a finished task publishes: asset events, metrics, lineage, a link."""
