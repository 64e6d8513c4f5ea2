"""Output that nobody waits for: in order, complete as long as somebody reads, dropped and counted where nobody does."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.integration.meddling import wait_until
from vettr_cron.nonblocking import MOST_WAITING, NonBlockingWriter

PIPE_SIZE = 4_096


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe with little room, from its reading to its writing end."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    yield reader, writer
    for end in (reader, writer):
        with suppress(OSError):
            os.close(end)


def read(reader: int, size: int) -> str:
    pieces = bytearray()
    while len(pieces) < size:
        piece = os.read(reader, size - len(pieces))
        assert piece
        pieces += piece
    return pieces.decode()


def test_texts_come_whole_and_in_order(pipe: tuple[int, int]) -> None:
    reader, end = pipe
    writer = NonBlockingWriter(end)
    texts = [f"{number} ü\n" * 30 for number in range(500)]
    assert all(writer.write(text) for text in texts)
    whole = "".join(texts)
    assert read(reader, len(whole.encode())) == whole
    assert writer.drain(10)
    assert writer.take_dropped() == 0


def test_what_finds_no_room_is_dropped_and_counted(pipe: tuple[int, int]) -> None:
    reader, end = pipe
    writer = NonBlockingWriter(end)
    line = "x" * 99_999 + "\n"
    began = time.monotonic()
    taken = [writer.write(line, lines=2) for _number in range(30)]
    assert time.monotonic() - began < 5  # nobody reads
    kept = MOST_WAITING // len(line)
    assert taken == [True] * kept + [False] * (30 - kept)
    assert writer.take_dropped() == 2 * (30 - kept)
    assert writer.take_dropped() == 0
    assert read(reader, kept * len(line)) == line * kept
    assert writer.drain(10)
    assert writer.write("again")
    assert read(reader, 5) == "again"


def test_a_text_larger_than_all_room_is_written_where_nothing_waits(pipe: tuple[int, int]) -> None:
    reader, end = pipe
    writer = NonBlockingWriter(end)
    assert writer.write("x" * (MOST_WAITING + 1))
    assert not writer.write("y")
    assert set(read(reader, MOST_WAITING + 1)) == {"x"}


def test_who_ends_waits_but_once_for_a_reader_that_reads_nothing(pipe: tuple[int, int]) -> None:
    reader, end = pipe
    writer = NonBlockingWriter(end)
    writer.write("x" * 3 * PIPE_SIZE)
    for _number in range(4):
        writer.write("y" * 10)
    assert not writer.drain(0.2)
    began = time.monotonic()
    assert not writer.drain(30, drop=True)
    assert time.monotonic() - began < 10
    assert writer.take_dropped() == 4
    assert read(reader, 3 * PIPE_SIZE) == "x" * 3 * PIPE_SIZE
    wait_until(lambda: writer.drain(0), 10)  # the reader is there again


def test_a_reader_that_is_gone_misses_nothing(pipe: tuple[int, int]) -> None:
    reader, end = pipe
    os.close(reader)
    writer = NonBlockingWriter(end)
    assert writer.write("x")
    assert writer.drain(10)
    assert writer.take_dropped() == 0


def test_what_cannot_be_written_is_counted(pipe: tuple[int, int]) -> None:
    reader, _end = pipe
    writer = NonBlockingWriter(reader)  # which is not open for writing
    assert writer.write("x")
    assert writer.drain(10)
    assert writer.take_dropped() == 1


def test_a_descriptor_that_another_program_made_nonblocking(pipe: tuple[int, int]) -> None:
    reader, end = pipe
    os.set_blocking(end, False)
    writer = NonBlockingWriter(end)
    text = "x" * 5 * PIPE_SIZE
    writer.write(text)
    assert read(reader, len(text)) == text
    assert writer.drain(10)
    assert writer.take_dropped() == 0


def test_a_fork_writes_its_own_texts_alone(pipe: tuple[int, int]) -> None:
    reader, end = pipe
    writer = NonBlockingWriter(end)
    before = "a" * 3 * PIPE_SIZE
    writer.write(before)  # it waits, with the thread at it
    child = os.fork()
    if not child:
        writer.write("child")
        os._exit(0 if writer.drain(20) else 1)
    writer.write("parent")
    found = read(reader, len(before) + len("childparent"))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert sorted(found) == sorted(f"{before}childparent")
    assert found.replace("child", "") == f"{before}parent"
