"""What an operator does: pause, reset, clean up, import."""
