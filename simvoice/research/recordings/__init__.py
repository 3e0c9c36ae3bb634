"""Recordings of two people made elsewhere, and the transcripts that lie beside them."""
