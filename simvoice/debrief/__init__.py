"""What a learner reads after an encounter, with the evidence beside every number."""
