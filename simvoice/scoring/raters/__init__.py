"""Human ratings beside the judgements of the machine."""
