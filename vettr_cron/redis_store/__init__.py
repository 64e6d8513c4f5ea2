"""What is kept in Redis: leases, cursors and the progress of cleanups; also the embedded server for a trial."""
