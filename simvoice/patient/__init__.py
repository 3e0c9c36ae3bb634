"""The patient: feelings, next lines, and what stays untold. Pure: no clocks, no threads."""
