"""What the database and Redis report about themselves, and what that means for the service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vettr_cron.domain.diagnosis.check import Check, Finding, judged, problem, warning

TOLERATED_CLOCK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What a database that answers reports about itself.

    `journal_mode` is for SQLite only, the others are for PostgreSQL: `forbidden` are the tables on which the user lacks
    a privilege that the jobs need, `not_to_delete_from` those that a cleanup cannot delete from, `hidden` those in
    which row security may hide rows that the jobs must see. `allowed` is the limit on connections, `ahead` how far the
    server's clock is ahead of this machine's.
    """

    round_trip_ms: float
    journal_mode: str | None = None
    read_only: bool = False
    forbidden: Sequence[str] = ()
    not_to_delete_from: Sequence[str] = ()
    hidden: Sequence[str] = ()
    allowed: int | None = None
    ahead: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisFacts:
    """What a Redis that answers reports about itself; None is what it does not report.

    `refusal` is why calls fail there.
    """

    round_trip_ms: float
    policy: str | None
    maxmemory: int | None  # bytes; 0 is no limit
    used_memory: int | None
    append_only: bool | None
    snapshots: bool | None
    is_replica: bool | None
    refusal: str | None
    ahead: timedelta | None


def database_away(reason: str) -> Check:
    """A database that cannot be used."""
    fix = (
        "Check that the server is running, that it has free connections and disk space, "
        "and that DATABASE_URL has the right host, name, user and password."
    )
    return judged("database", "", [problem(reason, fix)])


def redis_away(reason: str) -> Check:
    """A Redis that cannot be used."""
    fix = (
        "Check that the server is running, and that REDIS_URL has the right host, port, user and password "
        "(rediss:// if it requires TLS; a self-signed certificate needs REDIS_SSL_CERT_REQS=none)."
    )
    return judged("redis", "", [problem(reason, fix)])


def database(facts: DatabaseFacts, *, production: bool) -> Check:
    """Whether the database accepts what the jobs write."""
    kind = "PostgreSQL" if facts.journal_mode is None else "SQLite"
    fine = f"{kind} answers in {facts.round_trip_ms:.1f} ms and accepts writes"
    findings = _postgresql_findings(facts) if facts.journal_mode is None else _sqlite_findings(facts, production)
    return judged("database", fine, findings)


def _postgresql_findings(facts: DatabaseFacts) -> list[Finding]:
    findings = []
    if facts.read_only:
        fix = "Point DATABASE_URL at the primary server, and set default_transaction_read_only to off."
        findings.append(problem("The database is read-only", fix))
    if facts.forbidden:
        names = ", ".join(facts.forbidden)
        fix = "GRANT SELECT, INSERT, UPDATE on these tables to that user."
        findings.append(problem(f"The user in DATABASE_URL may not read or write {names}", fix))
    if facts.hidden:
        names = ", ".join(facts.hidden)
        found = f"Row security may hide rows of {names} from the user in DATABASE_URL: every call fails"
        fix = "Give that user BYPASSRLS, or set CRON_ROW_SECURITY=on if its policies let it see every row that counts."
        findings.append(problem(found, fix))
    if facts.not_to_delete_from:
        names = ", ".join(facts.not_to_delete_from)
        fix = f"GRANT DELETE on {names} to that user."
        findings.append(warning(f"Cleanup fails: the user in DATABASE_URL may not delete rows from {names}", fix))
    return findings


def _sqlite_findings(facts: DatabaseFacts, production: bool) -> list[Finding]:
    findings = []
    if facts.journal_mode != "wal":
        fix = "Keep the file on a local disk, where SQLite can use shared memory, and restart every process."
        found = f"The journal mode is {facts.journal_mode}, not WAL: readers and writers wait for each other"
        findings.append(warning(found, fix))
    if production:
        fix = (
            "If the service runs on several machines, or on one whose disk does not survive a release, "
            "set DATABASE_URL to a PostgreSQL database."
        )
        findings.append(warning("SQLite is for one machine only", fix))
    return findings


def redis(facts: RedisFacts) -> Check:
    """Whether Redis accepts leases and cursors, and keeps them."""
    fine = f"Redis answers in {facts.round_trip_ms:.1f} ms, accepts writes and keeps them"
    refusals = _refusals(facts)
    return judged("redis", fine, [*refusals, *_eviction(facts), *_persistence(facts), *_unreported(facts)])


_REDIS_AS_NEEDED = (
    "Point REDIS_URL at a Redis that is not in cluster mode and has memory and disk to spare, as a user who may run "
    "scripts (EVALSHA, SCRIPT LOAD) and use the keys cron:*, vetr_score:* and red_flags:*."
)


def _refusals(facts: RedisFacts) -> list[Finding]:
    if facts.is_replica:
        return [problem("Redis is a read-only replica", "Point REDIS_URL at the primary server.")]
    full = bool(facts.maxmemory) and (facts.used_memory or 0) >= (facts.maxmemory or 0)
    if full and facts.policy in ("noeviction", None):
        fix = "Give Redis more memory (maxmemory, or a larger plan), or remove what other programs keep in it."
        return [problem("Redis is out of memory", fix)]
    if facts.refusal:
        return [problem(f"No call works: {facts.refusal}", _REDIS_AS_NEEDED)]
    return []


def _eviction(facts: RedisFacts) -> list[Finding]:
    if facts.policy in ("noeviction", None):
        return []
    fix = "Set maxmemory-policy to noeviction (CONFIG SET, redis.conf or the host's settings)."
    if facts.maxmemory == 0:  # hosts tend to set a limit with the next plan
        return [warning(f"With a memory limit, {facts.policy} would let Redis drop cursors and leases", fix)]
    return [problem(f"Once its memory is full, Redis drops cursors and leases ({facts.policy})", fix)]


def _persistence(facts: RedisFacts) -> list[Finding]:
    if facts.append_only is not False or facts.snapshots is not False:
        return []
    fix = "Turn on appendonly or snapshots (save); without them a restart loses no results, but the cycles start again."
    return [warning("Redis saves nothing to disk: a restart loses the cursors", fix)]


def _unreported(facts: RedisFacts) -> list[Finding]:
    kept = facts.append_only or facts.snapshots
    questions = {
        "which keys it drops when its memory is full": facts.policy is None or facts.maxmemory is None,
        "whether it saves its keys": not kept and None in (facts.append_only, facts.snapshots),
    }
    open_questions = [question for question, is_open in questions.items() if is_open]
    if not open_questions:
        return []
    fix = "Check in the host's settings that maxmemory-policy is noeviction, and that persistence is on."
    return [warning(f"Redis does not report {' and '.join(open_questions)}", fix)]


def clock(ahead: Mapping[str, timedelta | None], lease_term: timedelta) -> Check:
    """Whether the servers' clocks, by their names, agree with this machine's; None is a clock that is not known."""
    fine = ", ".join(f"{name} {_differs(by)}" for name, by in ahead.items() if by is not None)
    return judged("clock", fine, [finding for name, by in ahead.items() for finding in _clock(name, by, lease_term)])


def _clock(name: str, ahead: timedelta | None, lease_term: timedelta) -> list[Finding]:
    if ahead is None:
        return [warning(f"{name} does not report its time", "Fix that first, or compare the clocks by hand.")]
    if abs(ahead) <= TOLERATED_CLOCK:
        return []
    fix = "Let NTP set this machine's clock (`timedatectl set-ntp true`), or the server's if this one is right."
    return [(problem if abs(ahead) > lease_term else warning)(f"{name} {_differs(ahead)}", fix)]


def _differs(ahead: timedelta) -> str:
    side = "ahead of" if ahead > timedelta() else "behind"
    return f"is {abs(ahead).total_seconds():.1f} s {side} this machine"
