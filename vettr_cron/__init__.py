"""vettr-cron keeps the VETR score and the red flags of every stock fresh."""
