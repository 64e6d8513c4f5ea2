"""How fast the service is, measured beside a floor that does the same input and output and nothing else."""
