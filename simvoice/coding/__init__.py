"""What an utterance does, with the words that show it. Pure."""
