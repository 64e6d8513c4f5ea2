"""The state of the jobs, and how fresh the results are."""
