"""What the recognition service's requests and answers look like: one module per feature."""
