"""Tools for researchers: recordings, analysis, exports, pictures and calibration."""
