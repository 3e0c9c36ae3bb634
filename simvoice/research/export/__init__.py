"""Conversations taken away in the formats that researchers already use."""
