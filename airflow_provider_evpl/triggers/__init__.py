"""The triggers: wait in the triggerer instead of a worker."""
