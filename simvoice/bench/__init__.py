"""Benches: measurements of speed and accuracy on planted audio that anyone can repeat."""
