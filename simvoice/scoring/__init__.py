"""How well, and how sure: metrics with unit, definition and source, computed from the record."""
