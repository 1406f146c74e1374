"""The page that a network planner opens: what it shows, and how it is built."""
