"""Benches: planted audio through the real engines, with figures that anybody can repeat."""
