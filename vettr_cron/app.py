"""The one place that wires things together."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
import structlog
from flask import Flask
from flask.cli import load_dotenv
from flask.helpers import get_load_dotenv
from redis import Redis
from werkzeug.local import LocalProxy

from vettr_cron.addresses import sqlalchemy_url
from vettr_cron.api import register_api
from vettr_cron.cli import register_commands
from vettr_cron.config import PING_VARIABLE, ConfigError, Settings, load_settings
from vettr_cron.database.sqlite import make_private
from vettr_cron.database.transactions import Database, engine_options, prepare_engine
from vettr_cron.domain.diagnosis.settings import SHORTEST_SECRET
from vettr_cron.extensions import db
from vettr_cron.jobs import JOBS
from vettr_cron.jobs.job import Job
from vettr_cron.logs import configure_logs, only_errors
from vettr_cron.models import cron, platform
from vettr_cron.pings import Pings
from vettr_cron.redis_store.client import connect_redis
from vettr_cron.redis_store.cursors import Cursors
from vettr_cron.redis_store.groups import Groups
from vettr_cron.redis_store.leases import Leases
from vettr_cron.registry import EXTENSION, Services
from vettr_cron.schedule_settings import NO_JOBS, SCHEDULE_VARIABLE
from vettr_cron.services.clock import Shutdown
from vettr_cron.services.doctor.doctor import Doctor
from vettr_cron.services.monitor.activity import ReadActivity
from vettr_cron.services.monitor.calls import ReadCalls
from vettr_cron.services.monitor.coverage import ReadCoverage
from vettr_cron.services.monitor.engine import ReadEngine
from vettr_cron.services.monitor.history import ReadHistory
from vettr_cron.services.monitor.metrics import ReadMetrics
from vettr_cron.services.monitor.objective import ReadObjective
from vettr_cron.services.monitor.overview import ReadOverview
from vettr_cron.services.monitor.readiness import Readiness
from vettr_cron.services.monitor.results import ReadResults
from vettr_cron.services.monitor.status import ReadStatus
from vettr_cron.services.monitor.stocks import ReadStocks
from vettr_cron.services.operate.cleanup import Cleanup
from vettr_cron.services.operate.imports import Universe
from vettr_cron.services.operate.pause import PauseJobs
from vettr_cron.services.operate.reset import Reset
from vettr_cron.services.refresh.engine import Engine, Threads
from vettr_cron.services.refresh.preview import PreviewRefresh
from vettr_cron.services.refresh.refresh import Refresh
from vettr_cron.shapes.shape import Shape

MIGRATIONS = Path(__file__).parent.parent / "migrations"
MODELS = (platform, cron)  # imported so that the tables are known before the extensions are bound

log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None, jobs: Mapping[str, Job] = JOBS) -> Flask:
    """The application with these jobs, by name, and these settings or those of the environment. Raises ConfigError."""
    settings = settings or load_settings()
    _check_jobs(jobs)
    configure_logs(readable=settings.app_env != "production", secrets=settings.hidden)
    if "--quiet" in sys.argv:
        only_errors()  # before the application itself has something to say
    app = Flask("vettr_cron", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it
    _bind_database(app, settings)
    app.extensions[EXTENSION] = _wire(app, settings, jobs)
    register_commands(app, jobs.values())
    register_api(app, jobs.values())
    _warn_of_unknown_job("unknown_ping_url", PING_VARIABLE, settings.cron_ping_urls, "is never pinged", jobs)
    _warn_of_unknown_job("unknown_schedule", SCHEDULE_VARIABLE, settings.cron_schedules, "has no effect", jobs)
    if _will_serve():
        _warn_of_secrets(settings)
    return app


def load_env_file() -> None:
    """Set variables that are not set from a .env file, as Flask's commands do before they begin.

    Raises ConfigError.
    """
    try:
        if get_load_dotenv(True):
            load_dotenv()
    except UnicodeDecodeError as error:
        raise ConfigError("the file .env is not in UTF-8; save it in UTF-8") from error


def _check_jobs(jobs: Mapping[str, Job]) -> None:
    """Raise ValueError if two jobs have the same name, or a job has that of a reply's field or of a variable."""
    run_names = [job.run_name for job in jobs.values()]
    for name, job in jobs.items():
        if name != job.name:
            raise ValueError(f"the job {job.name!r} is in the table of jobs under the name {name!r}")
        if run_names.count(job.run_name) > 1:
            raise ValueError(f"more than one job has the run name {job.run_name!r}")
        if hasattr(Shape, job.key) or job.key.startswith("model_") or job.key == "total_duration_ms":
            raise ValueError(f"a job cannot be called {job.name!r}: replies have a field or a function of that name")
        if job.key in NO_JOBS:
            variable = f"{SCHEDULE_VARIABLE}{job.key.upper()}"
            raise ValueError(f"a job cannot be called {job.name!r}: {variable} is a setting for all jobs")


def _warn_of_secrets(settings: Settings) -> None:
    if settings.app_env == "development" and not settings.secrets:
        meaning = "CRON_SECRET is not set: every caller on this machine is let in, and no one else"
        log.warning("no_cron_secret", meaning=meaning, otherwise="set CRON_SECRET, or in a container BIND_HOST")
    previous = settings.cron_secret_previous.get_secret_value() if settings.cron_secret_previous else ""
    if settings.secrets and 0 < len(previous) < SHORTEST_SECRET:
        meaning = f"CRON_SECRET_PREVIOUS has fewer than {SHORTEST_SECRET} characters, and can be guessed"
        log.warning("short_previous_secret", meaning=meaning, otherwise="remove it once no caller sends it any more")


def _warn_of_unknown_job(event: str, prefix: str, keys: Iterable[str], effect: str, jobs: Mapping[str, Job]) -> None:
    known = [job.key for job in jobs.values()]
    for key in keys:
        if key not in known:
            meaning = f"{prefix}{key.upper()} names no job, and {effect}"
            log.warning(event, meaning=meaning, known=[f"{prefix}{name.upper()}" for name in known])


def _will_serve() -> bool:
    """Whether the application will serve requests: not if it is made for a command other than `flask run`."""
    command = click.get_current_context(silent=True)
    return command is None or command.info_name == "run"


def _bind_database(app: Flask, settings: Settings) -> None:
    if settings.database_url:
        url = sqlalchemy_url(settings.database_url.get_secret_value())
    else:
        make_private(Path(app.instance_path))
        url = sqlalchemy_url(f"sqlite:///{app.instance_path}/vettr_cron.db")
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    db.init_app(app)
    _bind_migrations(app)
    with app.app_context():
        prepare_engine(db.engine)


def _bind_migrations(app: Flask) -> None:
    """Let Flask-Migrate find the migrations; it and Alembic are imported only when a migration command runs."""

    def configured() -> Any:
        from flask_migrate import Migrate

        Migrate(app, db, directory=str(MIGRATIONS), render_as_batch=False)
        return app.extensions["migrate"]

    app.extensions["migrate"] = LocalProxy(configured)


def _wire(app: Flask, settings: Settings, jobs: Mapping[str, Job]) -> Services:
    shutdown = Shutdown()
    with app.app_context():
        database = Database(
            db.engine,
            settings.cron_lease_seconds / 2,
            shutdown_at=lambda: shutdown.at,
            row_security=settings.cron_row_security == "on",
        )
    redis = connect_redis(settings, Path(app.instance_path) / "redis")
    leases = Leases(redis, settings.cron_lease_seconds)
    cursors = Cursors(redis, settings.cron_cursor_ttl_seconds)
    engine = _engine(settings, redis, jobs)
    pings = Pings({job.run_name: settings.cron_ping_urls.get(job.key) for job in jobs.values()}, lambda: shutdown.ends)
    read_engine = ReadEngine(settings.cron_engine, Groups(redis), jobs)
    status = ReadStatus(database, leases, cursors, jobs, settings, read_engine)
    coverage = ReadCoverage(database)
    readiness = Readiness(database, redis, known_migrations)
    return Services(
        settings=settings,
        jobs=jobs,
        database=database,
        redis=redis,
        shutdown=shutdown,
        refresh=Refresh(database, leases, cursors, settings, shutdown, pings, engine),
        status=status,
        history=ReadHistory(database, leases, jobs),
        calls=ReadCalls(database, leases, jobs),
        reset=Reset(cursors),
        preview=PreviewRefresh(database, leases, cursors),
        coverage=coverage,
        objective=ReadObjective(database, settings.cron_fresh_within),
        overview=ReadOverview(status, coverage, jobs, settings.cron_fresh_within),
        activity=ReadActivity(database, leases, jobs, settings),
        metrics=ReadMetrics(status, coverage, jobs, settings.cron_fresh_within),
        stocks=ReadStocks(database, cursors, jobs, settings.cron_fresh_within),
        pause=PauseJobs(database),
        cleanup=Cleanup(database, leases, shutdown, jobs),
        readiness=readiness,
        doctor=Doctor(
            settings=settings,
            database=database,
            redis=redis,
            readiness=readiness,
            engine=read_engine,
            status=status,
            coverage=coverage,
            jobs=jobs,
        ),
        results=ReadResults(database),
        universe=Universe(database),
    )


def _engine(settings: Settings, redis: Redis, jobs: Mapping[str, Job]) -> Engine:
    if settings.cron_engine == "threads":
        return Threads()
    from vettr_cron.celery_engine.broker import celery_app  # Celery need not be installed otherwise
    from vettr_cron.celery_engine.engine import CeleryEngine

    return CeleryEngine(celery_app(settings, jobs), Groups(redis), settings.cron_groups_under_way)


@cache
def known_migrations() -> Sequence[str]:
    """This release's migrations, the newest first."""
    from alembic.script import ScriptDirectory  # imported only when readiness is checked

    return [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()]
