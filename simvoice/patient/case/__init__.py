"""A case as an educator writes it: its schema, its files and its checks."""
