"""Ratings by humans, and their agreement with the machine's judgements."""
