"""Applications in another environment, and how they answer a caller."""

from flask import Flask

from tests.jobs import THE_TWO
from vettr_cron.app import create_app
from vettr_cron.config import Settings


class AppMaker:
    """Makes applications with the two jobs on one pair of servers."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self._urls = {"database_url": database_url, "redis_url": redis_url}

    def __call__(self, app_env: str, **values: str) -> Flask:
        return create_app(Settings(app_env=app_env, **self._urls, **values), THE_TWO)  # type: ignore[arg-type]


def status_with(app: Flask, authorization: str | None) -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    return app.test_client().get("/v1/cron/status", headers=headers).status_code
