"""Encounters on the hub: several at once, a queue before them, and their records."""
