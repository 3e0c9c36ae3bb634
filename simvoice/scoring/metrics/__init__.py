"""Numbers with unit, definition, source and error."""
