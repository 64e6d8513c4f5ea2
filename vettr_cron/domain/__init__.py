"""The rules and values, using only the standard library."""
