"""Calibration: measure conversations whose true values are known, and fit the error table."""
