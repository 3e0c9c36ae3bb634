"""Make and change a case without touching a file: cards, questions to the patient, problems."""
