"""Attempts of a learner over time: what can be said of change, and what was tried."""
