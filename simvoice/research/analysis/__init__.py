"""A conversation taken apart for taking away: our own attempts and others' recordings alike."""
