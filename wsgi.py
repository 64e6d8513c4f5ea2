"""The entry point for gunicorn and for `flask --app wsgi`."""

import gc
import sys

from vettr_cron.app import create_app
from vettr_cron.config import ConfigError, settings_for_help

try:
    created = create_app()
except ConfigError as error:
    if "--help" not in sys.argv:
        sys.exit(f"vettr-cron cannot start:\n{error}")
    created = create_app(settings_for_help())
app = created  # at the top level, where hosts look for it that read this file instead of running it

# Objects made at startup stay: no collection need examine them again, and forked workers keep sharing their memory.
gc.freeze()
# A chunk's inputs and results are many objects with hardly a reference cycle among them; by default they would be
# examined each time a few hundred more have accumulated.
gc.set_threshold(20_000)
