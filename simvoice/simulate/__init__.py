"""Learners with planted truth: for the demo, calibration, case checks and benchmarks."""
