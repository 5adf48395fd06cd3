"""The whole suite on one machine, for a laptop, an evaluation or a small team (docs/adr/0030)."""
