"""The use cases, the same for HTTP and for the command line."""
