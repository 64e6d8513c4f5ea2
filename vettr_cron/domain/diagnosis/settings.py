"""What the settings alone tell: whether the secret is one, and whether there are connections enough."""

import re
from dataclasses import dataclass

from vettr_cron.domain.diagnosis.check import Check, Trouble, judged, problem, warning

SHORTEST_SECRET = 16  # characters
FEWEST_DIFFERENT = 5  # characters of a secret; a random one of 16 hexadecimal digits has more

_PLACEHOLDER = re.compile(
    r"change.?me|change.?this|replace.?(me|this)|place.?holder|your.{0,12}secret|(my|cron|top|super).?secret|"
    r"password|example|<.*>",
    re.IGNORECASE,
)
_STRONG = "a long random text, such as `openssl rand -hex 32` prints"


def secret(current: str | None, previous: str | None, metrics_token: str | None) -> Check:
    """Whether CRON_SECRET and METRICS_TOKEN keep strangers out, and whether a rotation was brought to its end."""
    troubles = [*_openness(current), *_rotation(current, previous), *_metrics(current, previous, metrics_token)]
    return judged("secret", "CRON_SECRET is set", troubles)


def _openness(current: str | None) -> list[Trouble]:
    if current is None:
        return [
            warning("CRON_SECRET is not set: every caller on this machine is let in", f"Set CRON_SECRET to {_STRONG}.")
        ]
    mend = f"Set CRON_SECRET to {_STRONG}, and CRON_SECRET_PREVIOUS to the present one until all callers know it."
    return _weakness("CRON_SECRET", current, mend)


def _weakness(name: str, text: str, mend: str) -> list[Trouble]:
    if len(text) < SHORTEST_SECRET:
        return [warning(f"{name} has fewer than {SHORTEST_SECRET} characters", mend)]
    if _PLACEHOLDER.search(text) or len(set(text)) < FEWEST_DIFFERENT:
        return [warning(f"{name} looks like a placeholder, which others can guess", mend)]
    return []


def _metrics(current: str | None, previous: str | None, token: str | None) -> list[Trouble]:
    if token is None:  # then CRON_SECRET alone opens the metrics
        return []
    same = {current: "CRON_SECRET", previous: "CRON_SECRET_PREVIOUS"}.get(token)
    if same:
        found = f"METRICS_TOKEN is the same as {same}: whoever reads the metrics may call the jobs"
        return [warning(found, f"Set METRICS_TOKEN to {_STRONG} of its own.")]
    return _weakness("METRICS_TOKEN", token, f"Set METRICS_TOKEN to {_STRONG}.")


def _rotation(current: str | None, previous: str | None) -> list[Trouble]:
    if current is None or previous is None:
        return []
    if previous == current:
        return [warning("CRON_SECRET_PREVIOUS is the same as CRON_SECRET", "Remove CRON_SECRET_PREVIOUS.")]
    return [
        warning(
            "CRON_SECRET_PREVIOUS still lets callers in",
            "Once every caller sends the new secret, remove CRON_SECRET_PREVIOUS.",
        )
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """Who may want connections to the database, and how many there are.

    `processes` and `threads` are the web server's, the latter of each process, as is `pool`. Of each of the `jobs` one
    call at a time works, and reads the next chunk on a second connection. `allowed` is the server's limit, or None.
    """

    processes: int
    threads: int
    jobs: int
    pool: int
    allowed: int | None


def connections(counts: Connections) -> Check:
    """Whether as many calls as are let in at once find a connection each."""
    limit = "" if counts.allowed is None else f"; the database allows {counts.allowed}"
    fine = f"{counts.processes} processes of {counts.threads} threads have up to {counts.pool} connections each{limit}"
    return judged("connections", fine, [*_pool_troubles(counts), *_limit_troubles(counts)])


def _pool_troubles(counts: Connections) -> list[Trouble]:
    needed = counts.threads + counts.jobs
    if counts.pool >= needed:
        return []
    return [
        warning(
            f"a process has {counts.pool} connections for {counts.threads} threads, which may need {needed}",
            f"Give the web server fewer threads (config.py), or the pool {needed} connections (database.py).",
        )
    ]


def _limit_troubles(counts: Connections) -> list[Trouble]:
    if counts.allowed is None or counts.processes * counts.pool <= counts.allowed:
        return []
    found = (
        f"{counts.processes} processes may open {counts.pool} connections each, "
        f"{counts.processes * counts.pool} in all; the database allows {counts.allowed}"
    )
    fewer = max(counts.allowed // counts.pool, 1)
    lower = f"set WEB_CONCURRENCY to {fewer}, " if fewer < counts.processes else ""
    mend = f"Allow more (max_connections, or a larger plan), {lower}or connect through a pooler."
    # A connection for each thread is what a rush takes; a full pool is what it takes at the very most.
    serious = counts.processes * counts.threads > counts.allowed
    return [(problem if serious else warning)(found, mend)]
