"""When who spoke: turns, pauses, gaps, overlaps and silences, from times alone, without words."""
