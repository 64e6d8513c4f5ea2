"""Runs the embedded Redis, and ends it once its folder is gone, or once nobody has used it for hours.

A program of its own, started in the server's folder with the standard library alone, so that it starts fast and stays
small. Its arguments: the seconds without use, a file descriptor that only the server is to keep, and the server's
command. If it is asked to end, so is the server.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType

POLL_SECONDS = 2.0
END_SECONDS = 10.0  # that the server has to write everything to disk


def main(idle_seconds: float, kept: int, command: list[str]) -> None:
    """Leave whoever started this, run the server, and end it when it is of no use any more."""
    if os.fork():
        os._exit(0)  # nobody has to wait for the end of the process that goes on
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    alive, held_by_server = os.pipe()
    server = subprocess.Popen(command, pass_fds=(kept, held_by_server))
    try:
        os.close(kept)
        os.close(held_by_server)
        with open("redis.pid", "w") as file:  # noqa: PTH123  # pathlib costs a third of the start
            file.write(str(server.pid))
        wait_until_useless(idle_seconds, alive)
    finally:
        server.terminate()
        try:
            server.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def stop(_number: int, _frame: FrameType | None) -> None:
    """End, and so end the server."""
    raise SystemExit(0)


def wait_until_useless(idle_seconds: float, alive: int) -> None:
    """Return when the server has ended (`alive` is at its end then), its folder is gone, or nobody uses it."""
    last_use, commands, next_question = time.monotonic(), 0, 0.0
    poll = min(POLL_SECONDS, idle_seconds / 4)
    while not select.select([alive], [], [], poll)[0] and is_there():
        now = time.monotonic()
        if now < next_question:
            continue
        next_question = now + idle_seconds / 8
        count = commands_so_far()
        if count is not None and count > commands + 1:  # the last question counts as one
            last_use = now
        commands = count or commands
        if now - last_use > idle_seconds:
            return


def is_there() -> bool:
    """Whether the folder that the server works in is still anywhere: one that was moved may be in use."""
    try:
        return os.stat(".").st_nlink > 0  # noqa: PTH116  # as above
    except OSError:
        return False


def commands_so_far() -> int | None:
    """How many commands the server has answered, without this one; None if it does not say."""
    with suppress(OSError, ValueError, IndexError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect("redis.sock")
        connection.sendall(b"INFO stats\r\n")
        said = connection.recv(65_536)
        return int(said.split(b"total_commands_processed:")[1].split()[0])
    return None


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
