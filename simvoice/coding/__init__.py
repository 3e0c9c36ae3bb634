"""Code what an utterance does, with the words that show it. Pure: no clocks, no threads."""
