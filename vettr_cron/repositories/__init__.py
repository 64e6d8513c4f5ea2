"""The SQL: each function takes an open connection, and rows or values."""
