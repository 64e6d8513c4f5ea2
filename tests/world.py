"""A whole service for a test: an application on a migrated database and an empty Redis, and a look into both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from redis import Redis
from sqlalchemy import insert, select, text
from werkzeug.test import TestResponse

from tests.jobs import THE_TWO
from vettr_cron.app import create_app
from vettr_cron.config import Settings, load_settings
from vettr_cron.datasets.generator import pieces
from vettr_cron.extensions import db
from vettr_cron.jobs.job import Job
from vettr_cron.registry import EXTENSION, Services
from vettr_cron.repositories import input_rows

SECRET = "correct horse battery staple"
TODAY = date(2026, 11, 23)

Row = Mapping[str, Any]


def make_settings(database_url: str, redis_url: str, **values: Any) -> Settings:
    """Settings of a service under test, which nothing calls regularly; everything else as shipped."""
    servers = {"database_url": database_url, "redis_url": redis_url}
    return load_settings(**{"app_env": "test", "cron_secret": SECRET, "cron_schedule": "off", **servers, **values})


def migrate_database(database_url: str) -> None:
    """Bring a database to the newest migration."""
    app = create_app(make_settings(database_url, "redis://127.0.0.1:1"))
    with app.app_context():
        upgrade()
        db.engine.dispose()


@dataclass(frozen=True, slots=True)
class World:
    """One application, its servers, and shortcuts to look into them."""

    app: Flask
    redis: "Redis"
    database_url: str
    redis_url: str

    @classmethod
    def make(cls, database_url: str, redis_url: str, **values: Any) -> "World":
        """An application with the two jobs on these servers; `values` are settings."""
        return cls.with_jobs(THE_TWO, database_url, redis_url, **values)

    @classmethod
    def with_jobs(cls, jobs: Mapping[str, Job], database_url: str, redis_url: str, **values: Any) -> "World":
        """The same with these jobs, by name."""
        app = create_app(make_settings(database_url, redis_url, **values), jobs)
        return cls(app, Redis.from_url(redis_url, decode_responses=True), database_url, redis_url)

    def close(self) -> None:
        with self.app.app_context():
            db.engine.dispose()
        self.redis.close()

    @property
    def services(self) -> Services:
        services: Services = self.app.extensions[EXTENSION]
        return services

    @property
    def client(self) -> FlaskClient:
        return self.app.test_client()

    def call(self, path: str, method: str = "GET", **options: Any) -> TestResponse:
        """A request under /v1/cron with the right secret."""
        headers = {"Authorization": f"Bearer {SECRET}", **options.pop("headers", {})}
        return self.client.open(f"/v1/cron/{path}", method=method, headers=headers, **options)

    def data(self, path: str, **options: Any) -> Any:
        """The data of a reply that must be a success."""
        response = self.call(path, **options)
        assert response.status_code == 200, response.get_data(as_text=True)
        return response.get_json()["data"]

    def write(self) -> Any:
        """A writing transaction."""
        return self.services.database.writing()

    def generate(self, count: int) -> list[str]:
        """Fill the database with fictional stocks; their tickers in the database's order."""
        for piece in pieces(count, 1, TODAY):
            with self.write() as connection:
                for table, rows in piece.items():
                    input_rows.write(connection, table, rows)
        return self.tickers()

    def add(self, table: str, *rows: Row) -> None:
        """Insert rows as they are; a column that a row does not have gets its default."""
        groups: dict[frozenset[str], list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault(frozenset(row), []).append(dict(row))
        with self.write() as connection:
            for group in groups.values():
                connection.execute(insert(db.metadata.tables[table]), group)

    def tickers(self) -> list[str]:
        return [row["ticker"] for row in self.rows("SELECT ticker FROM stocks ORDER BY ticker")]

    def rows(self, sql: str, **parameters: Any) -> Sequence[Row]:
        """The rows that a statement selects, as dictionaries."""
        with self.services.database.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(text(sql), parameters)]

    def table(self, name: str) -> Sequence[Row]:
        """All rows of a table, with Python's types."""
        with self.services.database.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(select(db.metadata.tables[name]))]

    def execute(self, sql: str, **parameters: Any) -> None:
        with self.write() as connection:
            connection.execute(text(sql), _bound(parameters) if connection.dialect.name == "sqlite" else parameters)


def _bound(parameters: dict[str, Any]) -> dict[str, Any]:
    """Times as the service stores them: Python no longer likes to choose a form for them."""
    return {
        name: value.isoformat(" ", "microseconds") if isinstance(value, datetime) else value
        for name, value in parameters.items()
    }
