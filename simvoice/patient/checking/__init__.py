"""Checks of a case: questions with known answers, and seeded conversations in text."""
