"""The learner's pages: choose a case, read the door note, talk, read the debrief."""
