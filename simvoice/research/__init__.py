"""For researchers: recordings, analysis, exports, pictures and calibration."""
