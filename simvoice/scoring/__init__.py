"""Metrics and instruments, computed from the record, and human ratings beside them."""
