"""A caller in a process of its own, which a signal hits at the moment of its call that the test has chosen."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.steps import Steps, put_steps_into
from tests.world import World

NEVER = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request under /v1/cron, and the moment at which its process gets the signal."""

    database_url: str
    redis_url: str
    path: str
    moment: str = NEVER
    signal: int = signal.SIGKILL
    journal: Path  # where each stock that is evaluated leaves a line
    settings: Mapping[str, Any] = field(default_factory=dict)


class Answer(NamedTuple):
    """What a call came to that ended by itself."""

    status: int
    json: Any
    moments: list[str]


class Caller:
    """A call under way in a process of its own."""

    def __init__(self, process: ForkServerProcess, pipe: "Connection[Any, Any]", call: Call) -> None:
        self.call = call
        self.pid = process.pid or 0
        self._process = process
        self._pipe = pipe

    def wait_until_killed(self) -> None:
        """Wait for the end of the process, which must be the signal's work."""
        self._process.join(60)
        assert self._process.exitcode == -signal.SIGKILL, f"it ended with {self._process.exitcode}"

    def wait_until_stopped(self) -> None:
        """Wait until the process has come to its moment and stands still."""
        assert self._pipe.poll(60), "the moment did not come"
        told = self._pipe.recv()
        assert told == self.call.moment, f"the call came to its end: {told}"

    def go_on(self) -> None:
        """Let a stopped process continue."""
        os.kill(self.pid, signal.SIGCONT)

    def answer(self) -> Answer:
        """The call's reply, once it is there."""
        assert self._pipe.poll(60), "no reply"
        answer: Answer = self._pipe.recv()
        self._process.join(60)
        return answer

    def evaluated(self) -> list[str]:
        """The tickers that the call has evaluated."""
        journal = self.call.journal
        return journal.read_text().splitlines() if journal.exists() else []

    def end(self) -> None:
        """End the process if it is still there, in whatever state it is."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


@contextmanager
def calling(call: Call) -> Iterator[Caller]:
    """Start the call; its process ends with the block."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])  # so that a process starts with everything imported
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(call, theirs), daemon=True)
    process.start()
    theirs.close()
    caller = Caller(process, ours, call)
    try:
        yield caller
    finally:
        caller.end()


def _run(call: Call, pipe: "Connection[Any, Any]") -> None:
    # Blocked before any thread is there, so that the process can wait for it below.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCONT})

    def strike(moment: str) -> None:
        if moment != call.moment:
            return
        if call.signal == signal.SIGSTOP:
            pipe.send(moment)
            os.kill(os.getpid(), signal.SIGSTOP)
            signal.sigwait({signal.SIGCONT})  # the stop itself may come a moment after the kill
        else:
            os.kill(os.getpid(), call.signal)

    world = World.make(call.database_url, call.redis_url, **call.settings)
    steps = Steps(strike)
    with call.journal.open("ab", buffering=0) as journal:

        def note(ticker: str) -> None:
            journal.write(f"{ticker}\n".encode())

        put_steps_into(world, steps, note)
        response = world.call(call.path)
    pipe.send(Answer(response.status_code, response.get_json(), steps.moments))
