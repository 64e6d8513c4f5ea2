"""What the database and Redis say of themselves, and what that means for the service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from vettr_cron.domain.diagnosis.check import Check, Trouble, judged, problem, warning

TOLERATED_CLOCK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What a database that answers says of itself.

    `journal_mode` is SQLite's alone, the others are PostgreSQL's: `forbidden` are the tables that the user may not
    use as the jobs do, `not_to_delete_from` those that a cleanup cannot remove from, `hidden` those of which row
    security may hide rows that must be seen, `allowed` is how many connections there may be, `ahead` how far the
    server's clock is before this machine's.
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
    """What a Redis that answers says of itself; None is what it does not tell. `refusal` is why it takes no writes."""

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
    mend = (
        "See that the server runs, has free connections and room on its disk, "
        "and that DATABASE_URL has the right host, name, user and password."
    )
    return judged("database", "", [problem(reason, mend)])


def redis_away(reason: str) -> Check:
    """A Redis that cannot be used."""
    mend = (
        "See that the server runs, and that REDIS_URL has the right host, port, user and password "
        "(rediss:// where it wants TLS; a self-signed certificate needs REDIS_SSL_CERT_REQS=none)."
    )
    return judged("redis", "", [problem(reason, mend)])


def database(facts: DatabaseFacts, *, production: bool) -> Check:
    """Whether the database takes what the jobs write."""
    kind = "PostgreSQL" if facts.journal_mode is None else "SQLite"
    fine = f"{kind} answers in {facts.round_trip_ms:.1f} ms, and may be written"
    troubles = _postgresql_troubles(facts) if facts.journal_mode is None else _sqlite_troubles(facts, production)
    return judged("database", fine, troubles)


def _postgresql_troubles(facts: DatabaseFacts) -> list[Trouble]:
    troubles = []
    if facts.read_only:
        mend = "Let DATABASE_URL lead to the primary server, and set default_transaction_read_only to off."
        troubles.append(problem("The database is read-only", mend))
    if facts.forbidden:
        names = ", ".join(facts.forbidden)
        mend = "GRANT SELECT, INSERT, UPDATE on these tables to that user."
        troubles.append(problem(f"The user in DATABASE_URL may not read or write {names}", mend))
    if facts.hidden:
        found = f"Row security may hide rows of {', '.join(facts.hidden)} from the user in DATABASE_URL: no call works"
        mend = "ALTER ROLE that user BYPASSRLS, or set CRON_ROW_SECURITY=on if its policies let every row through."
        troubles.append(problem(found, mend))
    if facts.not_to_delete_from:
        names = ", ".join(facts.not_to_delete_from)
        mend = f"GRANT DELETE on {names} to that user."
        troubles.append(warning(f"Cleanup does not work: the user in DATABASE_URL may remove no rows of {names}", mend))
    return troubles


def _sqlite_troubles(facts: DatabaseFacts, production: bool) -> list[Trouble]:
    troubles = []
    if facts.journal_mode != "wal":
        mend = "Keep the file on a local disk, on which SQLite can share memory, and restart every process."
        troubles.append(warning(f"The journal mode is {facts.journal_mode}, not WAL: readers and writers wait", mend))
    if production:
        mend = "If there is more than one, or its disk does not outlive a release, set DATABASE_URL to a PostgreSQL."
        troubles.append(warning("SQLite is for one machine only", mend))
    return troubles


def redis(facts: RedisFacts) -> Check:
    """Whether Redis takes leases and cursors, and keeps them."""
    fine = f"Redis answers in {facts.round_trip_ms:.1f} ms, takes writes and keeps them"
    refusals = _refusals(facts)
    return judged("redis", fine, [*refusals, *_eviction(facts), *_persistence(facts), *_silence(facts)])


def _refusals(facts: RedisFacts) -> list[Trouble]:
    if facts.is_replica:
        return [problem("Redis is a read-only replica", "Let REDIS_URL lead to the primary server.")]
    full = bool(facts.maxmemory) and (facts.used_memory or 0) >= (facts.maxmemory or 0)
    if full and facts.policy in ("noeviction", None):
        mend = "Give Redis more memory (maxmemory, or a larger plan), or remove what other programs keep in it."
        return [problem("Redis is out of memory", mend)]
    if facts.refusal:
        mend = "See the server's log, its disk and memory, and that the user in REDIS_URL may write the keys cron:*."
        return [problem(f"Redis takes no writes: {facts.refusal}", mend)]
    return []


def _eviction(facts: RedisFacts) -> list[Trouble]:
    if facts.policy in ("noeviction", None):
        return []
    mend = "Set maxmemory-policy to noeviction (CONFIG SET, redis.conf or the host's settings)."
    if facts.maxmemory == 0:  # hosts tend to set a limit with the next plan
        return [warning(f"With a limit of memory, {facts.policy} would let Redis drop cursors and leases", mend)]
    return [problem(f"Once its memory is full, Redis drops cursors and leases ({facts.policy})", mend)]


def _persistence(facts: RedisFacts) -> list[Trouble]:
    if facts.append_only is not False or facts.snapshots is not False:
        return []
    mend = "Turn appendonly on, or snapshots (save); without them no result is lost, but the cycle starts again."
    return [warning("Redis keeps nothing on disk: a restart forgets the cursors", mend)]


def _silence(facts: RedisFacts) -> list[Trouble]:
    kept = facts.append_only or facts.snapshots
    questions = {
        "which keys it drops when its memory is full": facts.policy is None or facts.maxmemory is None,
        "whether it saves its keys": not kept and None in (facts.append_only, facts.snapshots),
    }
    open_questions = [question for question, is_open in questions.items() if is_open]
    if not open_questions:
        return []
    mend = "See in the host's settings that maxmemory-policy is noeviction, and that persistence is on."
    return [warning(f"Redis does not tell {' and '.join(open_questions)}", mend)]


def clock(ahead: Mapping[str, timedelta | None], lease_term: timedelta) -> Check:
    """Whether the servers' clocks, by their names, go with this machine's; None is a clock that was not told."""
    fine = ", ".join(f"{name} {_differs(by)}" for name, by in ahead.items() if by is not None)
    return judged("clock", fine, [trouble for name, by in ahead.items() for trouble in _clock(name, by, lease_term)])


def _clock(name: str, ahead: timedelta | None, lease_term: timedelta) -> list[Trouble]:
    if ahead is None:
        return [warning(f"{name} does not tell the time", "Mend that first, or compare the clocks by hand.")]
    if abs(ahead) <= TOLERATED_CLOCK:
        return []
    mend = "Let NTP set this machine's clock (`timedatectl set-ntp true`); where it is right, the server's."
    return [(problem if abs(ahead) > lease_term else warning)(f"{name} {_differs(ahead)}", mend)]


def _differs(ahead: timedelta) -> str:
    side = "ahead of" if ahead > timedelta() else "behind"
    return f"is {abs(ahead).total_seconds():.1f} s {side} this machine"
