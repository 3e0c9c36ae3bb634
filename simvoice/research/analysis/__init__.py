"""Analysis of conversations, from attempts and from recordings made elsewhere."""
