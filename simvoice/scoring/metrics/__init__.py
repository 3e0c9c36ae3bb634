"""Metrics: numbers with unit, definition, source and error."""
