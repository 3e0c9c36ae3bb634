"""The encounter record: what happened and when, on one clock, and the files that hold it."""
