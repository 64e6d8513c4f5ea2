"""What the settings alone show: whether the secret is strong, and whether there are enough connections."""

import re
from dataclasses import dataclass

from vettr_cron.domain.diagnosis.check import Check, Finding, judged, problem, warning

SHORTEST_SECRET = 16  # characters; in production, the service does not start with a shorter CRON_SECRET
FEWEST_DIFFERENT = 5  # different characters in a secret; 16 random hexadecimal digits have more

_PLACEHOLDER = re.compile(
    r"change.?me|change.?this|replace.?(me|this)|place.?holder|your.{0,12}secret|(my|cron|top|super).?secret|"
    r"password|example|<.*>",
    re.IGNORECASE,
)
_STRONG = "a long random string, such as `openssl rand -hex 32` prints"


def secret(current: str | None, previous: str | None, metrics_token: str | None) -> Check:
    """Whether CRON_SECRET and METRICS_TOKEN keep strangers out, and whether a rotation was completed."""
    findings = [*_current(current), *_rotation(current, previous), *_metrics_token(current, previous, metrics_token)]
    return judged("secret", "CRON_SECRET is set", findings)


def _current(current: str | None) -> list[Finding]:
    if current is None:
        return [
            warning("CRON_SECRET is not set: every caller on this machine is let in", f"Set CRON_SECRET to {_STRONG}.")
        ]
    fix = f"Set CRON_SECRET to {_STRONG}, and until all callers send it, CRON_SECRET_PREVIOUS to the current one."
    return _weak("CRON_SECRET", current, fix)


def _weak(name: str, text: str, fix: str) -> list[Finding]:
    if len(text) < SHORTEST_SECRET:
        return [warning(f"{name} has fewer than {SHORTEST_SECRET} characters", fix)]
    if _PLACEHOLDER.search(text) or len(set(text)) < FEWEST_DIFFERENT:
        return [warning(f"{name} looks like a placeholder, which others can guess", fix)]
    return []


def _metrics_token(current: str | None, previous: str | None, token: str | None) -> list[Finding]:
    if token is None:  # only CRON_SECRET opens the metrics
        return []
    fix = f"Set METRICS_TOKEN to {_STRONG}."
    same = {current: "CRON_SECRET", previous: "CRON_SECRET_PREVIOUS"}.get(token)
    if same:
        return [warning(f"METRICS_TOKEN is the same as {same}: anyone who reads the metrics can call the jobs", fix)]
    return _weak("METRICS_TOKEN", token, fix)


def _rotation(current: str | None, previous: str | None) -> list[Finding]:
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
    """Who may need connections to the database, and how many there are.

    The web server has `processes` with `threads` each, and each process has a `pool` of connections. One call of each
    of the `jobs` works at a time, and reads the next chunk on a second connection. `allowed` is the database server's
    limit, or None.
    """

    processes: int
    threads: int
    jobs: int
    pool: int
    allowed: int | None
    workers: int = 0  # processes, each of which reads or saves one group at a time

    @property
    def most(self) -> int:
        """How many are open at the most: one for each thread and worker, and those on which chunks are read ahead."""
        return self.processes * self.threads + self.jobs + self.workers

    @property
    def users(self) -> str:
        """Who opens them."""
        more = f" and {self.workers} of workers" if self.workers else ""
        return f"{self.processes} processes of {self.threads} threads{more}"


def connections(counts: Connections) -> Check:
    """Whether every call that is let in at once finds a connection."""
    limit = "" if counts.allowed is None else f"; the database allows {counts.allowed}"
    fine = f"{counts.users} open up to {counts.most} connections{limit}"
    return judged("connections", fine, [*_pool_findings(counts), *_limit_findings(counts)])


def _pool_findings(counts: Connections) -> list[Finding]:
    needed = counts.threads + counts.jobs
    if counts.pool >= needed:
        return []
    return [
        warning(
            f"A process has {counts.pool} connections for {counts.threads} threads, which may need {needed}",
            "Give the web server fewer threads (config.py), "
            f"or the pool {needed} connections (database/transactions.py).",
        )
    ]


def _limit_findings(counts: Connections) -> list[Finding]:
    if counts.allowed is None or counts.most <= counts.allowed:
        return []
    found = f"{counts.users} may open {counts.most} connections; the database allows {counts.allowed}"
    fewer = max((counts.allowed - counts.jobs - counts.workers) // counts.threads, 1)
    lower = f"set WEB_CONCURRENCY to {fewer}, " if fewer < counts.processes else ""
    fix = f"Allow more (max_connections, or a larger plan), {lower}or connect through a pooler."
    # Without a connection for each thread calls fail; without those to read ahead on, they only take longer.
    serious = counts.processes * counts.threads + counts.workers > counts.allowed
    return [(problem if serious else warning)(found, fix)]
