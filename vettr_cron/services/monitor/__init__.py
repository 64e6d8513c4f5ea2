"""What goes on, and how fresh the results are."""
