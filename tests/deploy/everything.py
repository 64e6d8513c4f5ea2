"""Everything that an installation does, once: what a role or a user of Redis is allowed must be enough for it."""

import json
from collections.abc import Iterator
from datetime import timedelta

from tests.integration.bare_stocks import add_stocks
from tests.integration.cleanup.removals import add_flag, add_run, add_snapshot
from tests.integration.commands import run
from tests.integration.past_runs import add_calls
from tests.world import SECRET, World
from vettr_cron.services.clock import utc_now

READ = (
    *("status", "history", "calls", "coverage", "objective", "overview", "activity", "failures"),
    *("stocks?search=T0", "stocks/T00000", "scores?dry_run=1"),
)
WORK = ("refresh-all?chunk_size=4", "refresh-all?chunks=all", "scores?tickers=T00001", "red-flags?only=failed")
POSTED = ("pause?reason=test", "resume", "reset", "cleanup")
COMMANDS = (
    *("refresh-all", "scores", "red-flags", "status", "history", "calls", "coverage", "objective", "failures"),
    *("overview", "pause", "resume", "cleanup"),
)
LONG_AGO = timedelta(days=1_000)


def fill(owner: World) -> None:
    """A universe of which one stock fails, with old rows of every kind for a cleanup to remove."""
    add_stocks(owner, 10, unscorable=1)
    _add_old_rows(owner)


def _add_old_rows(owner: World) -> None:
    then = utc_now() - LONG_AGO
    for _ in range(2):
        add_run(owner, then)
    add_flag(owner, then)
    add_snapshot(owner, then)
    add_calls(owner, 2, timedelta(hours=1), ago=LONG_AGO)
    counts = dict.fromkeys(("total", "fresh", "stale", "never", "failing"), 1)
    owner.add("cron_samples", *({"job": "scores", "taken_at": then - timedelta(days=day), **counts} for day in (0, 1)))


def problems(world: World, owner: World) -> Iterator[str]:
    """What does not work for this service, of everything that it does, in turn; `owner` may do everything."""
    for path in (*WORK, *READ):
        yield from _of_call(world, path, "GET")
    _add_old_rows(owner)
    for path in POSTED:
        yield from _of_call(world, path, "POST")
    yield from _of_doctor(world)
    for path in ("/metrics", "/readyz"):
        reply = world.client.get(path, headers={"Authorization": f"Bearer {SECRET}"})
        yield from [] if reply.status_code == 200 else [f"{path}: {reply.get_data(as_text=True)}"]
    for command in COMMANDS:
        done = run(world, "cron", command)
        yield from [] if done.exit_code == 0 else [f"{command}: {done.output}"]


def _of_call(world: World, path: str, method: str) -> list[str]:
    reply = world.call(path, method)
    data = reply.get_json()
    warning = data["data"].get("warning") if reply.status_code == 200 else None
    return [] if reply.status_code == 200 and not warning else [f"{path}: {reply.get_data(as_text=True)}"]


def _of_doctor(world: World) -> list[str]:
    checks = json.loads(run(world, "cron", "doctor", "--json").stdout)["checks"]
    asked = ("database", "migration", "tables", "redis", "connections", "clock", "universe")
    return [f"doctor: {each['found']}" for each in checks if each["name"] in asked and each["state"] != "ok"]
