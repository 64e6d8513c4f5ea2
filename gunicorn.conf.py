"""How gunicorn runs the service; it honours what a host sets in the environment (PORT, WEB_CONCURRENCY, BIND_HOST)."""

import signal
import sys
from typing import Any

from vettr_cron.api.listening import check_addresses
from vettr_cron.api.openapi import build_shapes
from vettr_cron.app import load_env_file
from vettr_cron.config import (
    WEB_THREADS,
    ConfigError,
    load_settings,
)
from vettr_cron.logs import flush_logs, logging_config
from vettr_cron.registry import EXTENSION

try:
    load_env_file()
    settings = load_settings()
except ConfigError as error:
    sys.exit(f"vettr-cron cannot start:\n{error}")
bind = settings.bind
workers = settings.web_concurrency
worker_class = "vettr_cron.api.gunicorn_worker.Worker"
threads = WEB_THREADS
preload_app = True
graceful_timeout = 10  # a running call ends within that, whatever it waits for
keepalive = 5
control_socket_disable = True
limit_request_line = 8190  # the most that gunicorn takes
limit_request_fields = 50
limit_request_field_size = 8190
sendfile = False  # the system's sendfile() waits for a client forever
forwarder_headers = ""  # no proxy mounts the service under a prefix, so a SCRIPT_NAME header is not to be trusted
logconfig_dict = logging_config(readable=settings.app_env != "production")


def on_starting(server: Any) -> None:
    """Say in one sentence why the server cannot listen."""
    if server.cfg.reuse_port:
        return
    try:
        check_addresses(server.cfg.address)
    except ConfigError as error:
        flush_logs()
        sys.exit(f"vettr-cron cannot start:\n{error}")


def when_ready(server: Any) -> None:
    """Build what replies are checked with before the workers are forked, so that no caller waits for it."""
    build_shapes(server.app.wsgi())
    if settings.app_env == "development":
        server.log.info(f"Look at it on http://localhost:{server.LISTENERS[0].cfg_addr[1]}/dashboard")


def post_fork(_server: Any, worker: Any) -> None:
    """Leave the parent's database connections to the parent."""
    services = worker.app.wsgi().extensions[EXTENSION]
    services.database.engine.dispose(close=False)


def post_worker_init(worker: Any) -> None:
    """Make every stop an orderly one: running calls are notified, save what they can, and gunicorn waits for them."""
    shutdown = worker.app.wsgi().extensions[EXTENSION].shutdown

    def stop(number: int, frame: Any) -> None:
        shutdown.ask()
        worker.handle_exit(number, frame)

    # By default SIGINT and SIGQUIT would drop running calls.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, stop)
