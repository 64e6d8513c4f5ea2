"""Groups on Celery's workers: as many processes and machines as there are. Imported only with CRON_ENGINE=celery."""
