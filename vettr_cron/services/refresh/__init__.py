"""One call of a job, from the request to its result."""
