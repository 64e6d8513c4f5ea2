"""The entry point for gunicorn and for `flask --app wsgi`."""

import sys

from vettr_cron import collector
from vettr_cron.app import create_app
from vettr_cron.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"vettr-cron cannot start:\n{error}")

collector.settle()
