"""Simulated learners with known truth, for the demo, calibration, case checks and benchmarks."""
