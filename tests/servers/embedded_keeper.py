"""Ends the embedded Redis servers of the tests, which detach themselves and would outlive a test run that is killed."""

import signal
import sys
from pathlib import Path

from tests.servers.supervised import SupervisedServer
from vettr_cron.redis_store.embedded import EmbeddedRedis


class EmbeddedKeeper(SupervisedServer):
    """A process that stops every embedded Redis below `folder` when it ends, which it does with the test run."""

    def __init__(self) -> None:
        super().__init__(signal.SIGTERM)

    def command(self) -> list[str]:
        project = Path(__file__).parents[2]
        program = f"import sys; sys.path[:0] = {[str(project), *sys.path]}; import {__name__} as this; this.keep()"
        return [sys.executable, "-c", program]

    def answers(self) -> bool:
        return (self.folder / "ready").exists()


def keep() -> None:
    """Wait for the end, and stop what runs below the working folder then."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    Path("ready").touch()
    signal.sigwait({signal.SIGTERM})
    for lock in Path.cwd().rglob("server.lock"):
        EmbeddedRedis(lock.parent).stop()
