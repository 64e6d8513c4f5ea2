"""Runs a server until standard input ends, which it does when the test run ends, be it by kill -9.

A program of its own, started by supervised.py: FOLDER SIGNAL USER COMMAND... The server works in FOLDER and writes
its output to FOLDER/log; its pid is printed. At the end it gets SIGNAL, and FOLDER is removed unless "keep" was read.
"""

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

GRACE_SECONDS = 10


def supervise(folder: Path, end_signal: int, user: str, command: list[str]) -> None:
    identity = {"user": user, "group": folder.stat().st_gid, "extra_groups": []} if user else {}
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **identity,  # type: ignore[call-overload]
        )
    said = b""
    try:
        print(server.pid, flush=True)
        while not select.select([0], [], [], 0.1)[0]:
            server.poll()  # a server that has ended leaves no zombie, so that its pid tells
        said = os.read(0, 64)
    finally:
        end(server, end_signal)
        if said != b"keep":
            shutil.rmtree(folder, ignore_errors=True)


def end(server: "subprocess.Popen[bytes]", end_signal: int) -> None:
    server.send_signal(end_signal)
    server.send_signal(signal.SIGCONT)  # a test may have stopped it
    try:
        server.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    supervise(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
