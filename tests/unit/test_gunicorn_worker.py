"""What our worker of the web process takes from gunicorn's, most of it no public interface, is still there."""

import inspect
import socket
from threading import BoundedSemaphore

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]
from gunicorn.http.parser import Parser  # type: ignore[import-untyped]
from gunicorn.http.unreader import SocketUnreader, Unreader  # type: ignore[import-untyped]
from gunicorn.util import http_date, write_nonblock  # type: ignore[import-untyped]
from gunicorn.workers import gthread  # type: ignore[import-untyped]

from vettr_cron.api.gunicorn_worker import PROMPT_SECONDS, Worker, _Allowance


@pytest.mark.parametrize(
    ("owner", "name", "takes"),
    [
        (gthread.ThreadWorker, "enqueue_req", ["self", "conn"]),
        (gthread.ThreadWorker, "handle_request", ["self", "req", "conn"]),
        (gthread.ThreadWorker, "finish_request", ["self", "conn", "fs"]),
        (gthread.ThreadWorker, "handle_error", ["self", "req", "client", "addr", "exc"]),
        (gthread.ThreadWorker, "on_pending_socket_readable", ["self", "conn", "client"]),
        (gthread.ThreadWorker, "murder_pending", ["self"]),
        (gthread.ThreadWorker, "load_wsgi", ["self"]),
        (gthread.TConn, "init", ["self"]),
        (gthread.TConn, "close", ["self"]),
        (Unreader, "take_buffered", ["self"]),
        (Unreader, "unread", ["self", "data"]),
        (SocketUnreader, "chunk", ["self", "size_hint"]),
        (Parser, "finish_body", ["self", "deadline"]),
    ],
)
def test_a_method_is_there_and_takes_what_it_took(owner: type, name: str, takes: list[str]) -> None:
    parameters = list(inspect.signature(getattr(owner, name)).parameters.values())
    assert [parameter.name for parameter in parameters[: len(takes)]] == takes
    assert all(parameter.default is not parameter.empty for parameter in parameters[len(takes) :])


def test_functions_are_there_and_take_what_they_took() -> None:
    assert list(inspect.signature(write_nonblock).parameters)[:2] == ["sock", "data"]
    assert list(inspect.signature(http_date).parameters) == ["timestamp"]


def test_a_connection_has_what_the_worker_reads_and_sets() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = gthread.TConn(Config(), ours, ("127.0.0.1", 1), ("127.0.0.1", 2))
        assert (connection.sock, connection.initialized, connection.data_ready) == (ours, False, False)
        assert hasattr(connection, "timeout")
        connection.init()
        assert connection.initialized
        assert isinstance(connection.parser.unreader, SocketUnreader)
        assert connection.parser.unreader.sock is ours


def test_a_slow_client_takes_the_place_of_one_only_while_it_is_waited_for() -> None:
    slow = BoundedSemaphore(1)
    first, second = _Allowance(5, slow), _Allowance(5, slow)

    def late(seconds: float) -> float:
        if seconds <= PROMPT_SECONDS:
            raise TimeoutError
        assert not slow.acquire(blocking=False)
        with pytest.raises(TimeoutError):  # the only place is taken just now
            second.wait(prompt_only)
        return seconds

    def prompt_only(_seconds: float) -> None:
        raise TimeoutError

    assert first.wait(late) > PROMPT_SECONDS
    assert second.wait(lambda seconds: seconds) <= PROMPT_SECONDS
    assert slow.acquire(blocking=False)


def test_a_worker_keeps_its_waiting_connections_where_ours_puts_them() -> None:
    made = inspect.getsource(gthread.ThreadWorker)
    for name in ("pending_conns", "poller", "nr_conns"):
        assert f"self.{name} = " in made
    assert issubclass(Worker, gthread.ThreadWorker)
