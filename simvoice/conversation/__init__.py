"""The conversation as a pure state machine: `state, commands = step(rules, state, event)`."""
