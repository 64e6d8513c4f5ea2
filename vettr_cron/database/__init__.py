"""Access to the database: transactions, their time limits, their errors, and the setup of each driver."""
