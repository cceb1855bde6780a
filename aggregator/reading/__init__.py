"""From a store to outcomes: which cells are expected, and what the store has of each, read quickly and once."""
