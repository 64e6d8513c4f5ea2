"""What is wrong with this service, and how to fix it: settings, servers, stocks and schedule, checked separately."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TypeVar

import structlog
from pydantic import SecretStr
from redis import Redis
from sqlalchemy.exc import DBAPIError

from vettr_cron import __version__
from vettr_cron.config import WEB_THREADS, Settings
from vettr_cron.database.transactions import POOL_OVERFLOW, POOL_SIZE, Database
from vettr_cron.domain.diagnosis import schedule as schedule_rules
from vettr_cron.domain.diagnosis import servers as server_rules
from vettr_cron.domain.diagnosis import settings as setting_rules
from vettr_cron.domain.diagnosis import stocks as stock_rules
from vettr_cron.domain.diagnosis import tables as table_rules
from vettr_cron.domain.diagnosis.check import Check, Diagnosis, State, judged, problem, unchecked, warning
from vettr_cron.domain.diagnosis.servers import DatabaseFacts, RedisFacts
from vettr_cron.domain.engine import EngineState, check_engine
from vettr_cron.domain.errors import InputsUnreadable, NotMigrated, ServiceUnavailable
from vettr_cron.jobs.job import Job
from vettr_cron.logs import log_unavailable
from vettr_cron.repositories import results, universe
from vettr_cron.repositories.universe import Beyond
from vettr_cron.services.clock import Limits, utc_now
from vettr_cron.services.doctor.probes import Clock, ask_database, ask_redis, ask_tables
from vettr_cron.services.monitor.coverage import Coverage, ReadCoverage
from vettr_cron.services.monitor.engine import ReadEngine
from vettr_cron.services.monitor.liveness import TIMEOUT_SECONDS
from vettr_cron.services.monitor.readiness import Migrated, Readiness
from vettr_cron.services.monitor.status import ReadStatus, Status
from vettr_cron.services.refresh.reading import read_chunk

__all__ = ["Check", "Diagnosis", "Doctor", "State"]

log = structlog.get_logger(__name__)

Facts = TypeVar("Facts")
_DEPLOY = (
    "Deploy that release everywhere. This one still works: migrations stay compatible with the release before them."
)
_UPGRADE = "Run `flask --app wsgi db upgrade`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """The use case behind `cron doctor`."""

    settings: Settings
    database: Database
    redis: Redis
    readiness: Readiness
    engine: ReadEngine
    status: ReadStatus
    coverage: ReadCoverage
    jobs: Mapping[str, Job]
    clock: Clock = utc_now

    def examine(self) -> Diagnosis:
        """Run all checks; one that is impossible without a missing server says so, and the others still run."""
        database = _answer(lambda: ask_database(self.database, self.jobs.values(), self.clock))
        redis = _answer(lambda: ask_redis(self.redis, self.clock))
        engine = _answer(lambda: self._engine(redis))
        calls = _answer(lambda: self._calls(database, redis))
        checks: dict[str, Callable[[], Check]] = {
            "secret": self._secret,
            "database": lambda: self._database(database),
            "migration": lambda: self._migration(database),
            "tables": lambda: self._tables(database),
            "redis": lambda: _redis(redis),
            "connections": lambda: self._connections(_known(database), engine),
            "clock": lambda: self._clocks(database, redis),
            "universe": lambda: self._universe(database),
            "schedule": self._expected_calls,
        }
        if self.settings.cron_engine != "threads":
            checks["engine"] = lambda: check_engine(_known(engine), __version__)
        for job in self.jobs.values():
            checks[f"schedule-{job.name}"] = partial(self._schedule, job, calls)
        return Diagnosis([_made(name, check) for name, check in checks.items()])

    def _secret(self) -> Check:
        names = ("cron_secret", "cron_secret_previous", "metrics_token")
        return setting_rules.secret(*(_text(getattr(self.settings, name)) for name in names))

    def _database(self, facts: DatabaseFacts | ServiceUnavailable) -> Check:
        if isinstance(facts, ServiceUnavailable):
            return server_rules.database_away(str(facts))
        return server_rules.database(facts, production=self.settings.app_env == "production")

    def _migration(self, facts: DatabaseFacts | ServiceUnavailable) -> Check:
        _known(facts)
        try:
            migrated = self.readiness.migrated()
        except NotMigrated:
            migrated = Migrated.PARTLY
        findings = {
            Migrated.FULLY: [],
            Migrated.BEYOND: [warning("A newer release than this one has migrated the database", _DEPLOY)],
            Migrated.PARTLY: [problem("Not all migrations of this release have run", _UPGRADE)],
        }
        return judged("migration", "The database is at the newest migration", findings[migrated])

    def _tables(self, facts: DatabaseFacts | ServiceUnavailable) -> Check:
        _known(facts)
        return table_rules.tables(*ask_tables(self.database, list(self.jobs.values())))

    def _engine(self, facts: RedisFacts | ServiceUnavailable) -> EngineState:
        _known(facts)
        return self.engine.read()

    def _connections(self, facts: DatabaseFacts, engine: EngineState | ServiceUnavailable) -> Check:
        return setting_rules.connections(
            setting_rules.Connections(
                processes=self.settings.web_concurrency,
                threads=WEB_THREADS,
                jobs=len(self.jobs),
                pool=POOL_SIZE + POOL_OVERFLOW,
                allowed=facts.allowed,
                workers=0 if isinstance(engine, ServiceUnavailable) else engine.processes,
            )
        )

    def _clocks(self, database: DatabaseFacts | ServiceUnavailable, redis: RedisFacts | ServiceUnavailable) -> Check:
        ahead = {}
        if isinstance(database, DatabaseFacts) and database.journal_mode is None:  # SQLite has no clock of its own
            ahead["The database"] = database.ahead
        if isinstance(redis, RedisFacts) or not ahead:
            ahead["Redis"] = _known(redis).ahead
        return server_rules.clock(ahead, timedelta(seconds=self.settings.cron_lease_seconds))

    def _universe(self, facts: DatabaseFacts | ServiceUnavailable) -> Check:
        _known(facts)
        with self.database.reading(TIMEOUT_SECONDS) as connection:
            longest = results.longest_flagged_ticker(connection)
            too_long = 0 if longest is None else universe.count_longer(connection, longest)
            tickers = stock_rules.Tickers(
                total=universe.count(connection),
                too_long=too_long,
                longest=longest,
                not_upper_case=universe.count_not_upper_case(connection),
            )
        return stock_rules.universe(tickers, self._unreadable())

    def _unreadable(self) -> str | None:
        """Why the jobs cannot read any of the first stocks, such as a missing column; None if they can."""
        for job in self.jobs.values():
            try:
                read_chunk(self.database, job, Beyond(None, 1), self.clock(), Limits(TIMEOUT_SECONDS))
            except InputsUnreadable as error:
                return str(error)
            except ServiceUnavailable as error:
                log_unavailable(error, job=job.run_name)
                return str(error)
            except DBAPIError as error:
                log.warning("inputs_not_read", job=job.run_name, exc_info=error)
                return "The database refuses to read the first stock; the log has its error"
        return None

    def _calls(
        self, database: DatabaseFacts | ServiceUnavailable, redis: RedisFacts | ServiceUnavailable
    ) -> tuple[Status, Coverage]:
        for facts in (database, redis):
            if isinstance(facts, ServiceUnavailable):
                raise facts
        return self.status.read(), self.coverage.read(list(self.jobs.values()), self.settings.cron_fresh_within)

    def _expected_calls(self) -> Check:
        known, off = self.settings.schedule_of, self.settings.schedule_is_off
        unscheduled = [job.name for job in self.jobs.values() if not (known(job.key) or off(job.key))]
        return schedule_rules.expected_calls(list(self.jobs), unscheduled)

    def _schedule(self, job: Job, calls: tuple[Status, Coverage] | ServiceUnavailable) -> Check:
        status, coverage = _known(calls)
        return schedule_rules.schedule(status.jobs[job.key], coverage.results(job.key))


def _redis(facts: RedisFacts | ServiceUnavailable) -> Check:
    return server_rules.redis_away(str(facts)) if isinstance(facts, ServiceUnavailable) else server_rules.redis(facts)


def _answer(ask: Callable[[], Facts]) -> Facts | ServiceUnavailable:
    """What a server answers, or why it does not: asked once, so that not every check waits for it."""
    try:
        return ask()
    except ServiceUnavailable as error:
        log_unavailable(error)
        return error
    except DBAPIError:  # a doctor must cope with a database in any state
        return ServiceUnavailable("The database refuses the doctor's queries")


def _known(answer: Facts | ServiceUnavailable) -> Facts:
    if isinstance(answer, ServiceUnavailable):
        raise answer
    return answer


def _made(name: str, check: Callable[[], Check]) -> Check:
    made = _answer(check)
    return unchecked(name, str(made)) if isinstance(made, ServiceUnavailable) else made


def _text(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
