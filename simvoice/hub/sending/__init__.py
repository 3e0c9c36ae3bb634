"""Laptops and stations: pairing, and receiving what they send."""
