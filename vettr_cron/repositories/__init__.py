"""The SQL: each function takes an open connection and rows or values, and is blind to the other files here."""
