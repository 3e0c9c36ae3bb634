"""The lab's server: people, courses, released attempts, and encounters in a browser."""
