"""vettr-cron keeps the VETR score and the red flags of every stock fresh."""

__version__ = "2.0.0"
