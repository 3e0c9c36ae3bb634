"""Who spoke when: speech activity, turns, pauses, gaps, overlaps, silences and prosody."""
