"""What each driver is taught: how connections are set up, how transactions begin, how values come back."""
