"""The way to the database: transactions, their end, their errors, and what each driver is taught."""
