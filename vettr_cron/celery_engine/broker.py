"""Celery as callers and workers of the service use it, over the Redis that is there."""

import os
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from celery import Celery
from kombu.entity import Queue

from vettr_cron.config import Settings
from vettr_cron.redis_store.groups import QUEUE_PREFIX

TASK = "vettr_cron.group"
REDELIVERY_SECONDS = 15  # after which a group whose worker is silent is given to another one
_OVERRIDES = ("CELERY_BROKER_URL", "CELERY_BROKER_READ_URL", "CELERY_BROKER_WRITE_URL")
STOP_SECONDS = 5.0  # that a worker that is asked to stop gives its groups before it hands them back


def celery_app(settings: Settings, jobs: Iterable[str]) -> Celery:
    """A Celery application with a queue for each of the jobs. Nothing is sent yet."""
    for name in _OVERRIDES:  # with these, Celery would go to another server than the rest of the service
        os.environ.pop(name, None)
    app = Celery("vettr_cron", broker=_broker_url(settings), set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,  # outcomes go through `redis_store.groups`, many in one round trip
        task_queues=[Queue(job) for job in jobs],
        task_create_missing_queues=False,
        # A group is only gone from the broker once its outcome is there.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=STOP_SECONDS,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=2,
        broker_channel_error_retry=True,  # a Redis that fails over refuses writes for a while
        broker_transport_options={
            "global_keyprefix": QUEUE_PREFIX,
            "priority_steps": [0],
            "visibility_timeout": REDELIVERY_SECONDS,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 5,  # a worker that dies while it looks for silent ones keeps others from it so long
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
        },
    )
    return app


def _broker_url(settings: Settings) -> str:
    """REDIS_URL in Celery's words, with the options of redis-py that it would not understand left out."""
    if settings.redis_url is None:
        raise ValueError("CRON_ENGINE=celery needs REDIS_URL")
    url = urlsplit(settings.redis_url.get_secret_value())
    options = dict(parse_qsl(url.query))
    number, user, password = (options.pop(name, None) for name in ("db", "username", "password"))
    netloc = url.netloc
    if password is not None:
        host = netloc.rpartition("@")[2]
        netloc = f"{quote(user or '', safe='')}:{quote(password, safe='')}@{host}"
    kept = {name: value for name, value in options.items() if name.startswith("ssl_")}
    if url.scheme == "rediss":
        kept.setdefault("ssl_cert_reqs", settings.redis_ssl_cert_reqs)
    return urlunsplit((url.scheme, netloc, url.path if number is None else f"/{number}", urlencode(kept), ""))
