"""The debrief: what a learner reads after an encounter, with the evidence for every number."""
