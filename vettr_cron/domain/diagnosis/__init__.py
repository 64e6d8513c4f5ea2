"""What is wrong with a service, and how to fix it: rules about what its settings, servers and run log report."""
