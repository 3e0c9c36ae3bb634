"""Export of conversations in the formats that researchers use."""
