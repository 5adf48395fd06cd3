"""A made-up company for demonstrations: the same from the same seed, on any day."""
