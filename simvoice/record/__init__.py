"""The encounter record: what happened, when, on one clock, and where it is kept."""
