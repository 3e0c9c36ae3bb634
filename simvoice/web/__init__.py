"""The web pages: choose a case, read the door note, talk with the patient, read the debrief."""
