"""What is kept in Redis: leases, cursors and the walks of cleanup; and the server that a trial brings along."""
