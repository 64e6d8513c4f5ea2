"""The entry point for gunicorn and for `flask --app wsgi`."""

import gc
import sys

from vettr_cron.app import create_app
from vettr_cron.config import ConfigError

try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"vettr-cron cannot start:\n{error}")

# What the start has made stays: no collection need look through it again, and forked workers go on sharing its memory.
gc.freeze()
# A chunk's inputs and results are many values and hardly a circle among them; by default they would be looked through
# each time that some hundreds more have come together.
gc.set_threshold(20_000)
