"""One reading of a record or a recording: who spoke when, what was said, and what happened."""
