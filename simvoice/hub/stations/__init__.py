"""The stations of a lab, as their hub sees them: roster, codes, reports and commands."""
