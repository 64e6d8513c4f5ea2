"""The use cases, shared by HTTP and the command line."""
