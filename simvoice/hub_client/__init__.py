"""A learner's own machine, paired with a hub: what was released waits here, and is sent."""
