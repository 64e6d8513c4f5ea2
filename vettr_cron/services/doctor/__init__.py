"""What is wrong with a service, and how to fix it."""
