"""The tables: those of the platform, and our own."""
