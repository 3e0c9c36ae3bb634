"""Recordings of two speakers made outside simvoice, and their transcripts."""
