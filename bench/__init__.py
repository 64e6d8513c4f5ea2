"""How fast the service is, compared with a floor that does the same input and output and nothing else."""
