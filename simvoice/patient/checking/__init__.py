"""Check a case: questions with known answers, seeded conversations in text, certificates."""
