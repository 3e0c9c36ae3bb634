"""How far off the measurement is: conversations with planted truth, and what is found of it."""
