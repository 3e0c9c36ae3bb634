"""A learner's attempts over time: what changed, and which suggestions were followed."""
