"""Groups that are given out in parts, and what the broker says against them."""

from concurrent.futures import Future
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from vettr_cron.celery_engine.executor import refusal_of
from vettr_cron.celery_engine.submitted import Part, Submitted
from vettr_cron.jobs.job import Item
from vettr_cron.logs import words_of
from vettr_cron.repositories.universe import Between, Named
from vettr_cron.services.refresh.group import GroupTask


def submitted(tickers: str, selection: Any) -> tuple[Submitted, Part]:
    run: Any = None
    context: Any = None
    task = GroupTask(job="scores", run=run, cycle_id=uuid4(), selection=selection, batch_size=10, seconds_left=None)
    part = Part(task, [Item(uuid4(), ticker, None) for ticker in tickers])
    return Submitted(Future(), context, [part]), part


@pytest.mark.parametrize(
    ("tickers", "halves"),
    [("AB", ["A", "B"]), ("ABCDE", ["ABC", "DE"]), ("ABB", ["A", "BB"]), ("AAB", ["AA", "B"]), ("A", []), ("BB", [])],
)
def test_a_group_is_halved_between_tickers(tickers: str, halves: list[str]) -> None:
    whole, part = submitted(tickers, Between("0", tickers[-1]))
    parts = whole.halve(part)
    assert ["".join(item.ticker for item in each.items) for each in parts] == halves
    assert whole.parts == (list(parts) or [part])
    selections: list[Any] = [each.task.selection for each in parts]
    assert [(each.after, each.last) for each in selections] == list(pairwise(["0", *(half[-1] for half in halves)]))


def test_a_group_of_named_stocks_is_halved_by_name() -> None:
    whole, part = submitted("ABC", Named(["A", "B", "C"]))
    assert [each.task.selection for each in whole.halve(part)] == [Named(["A", "B"]), Named(["C"])]


@pytest.mark.parametrize("said", [ResponseError("not allowed"), RedisConnectionError("gone")])
def test_what_redis_says_against_a_message_has_no_consequence_of_its_own_for_its_cause(said: Exception) -> None:
    """Or whoever looks for the cause would never come to an end."""
    system = ConnectionResetError(104, "Connection reset by peer")
    said.__context__ = system

    def send() -> None:
        raise OperationalError("broker") from said

    refused = refusal_of(send)
    assert refused is said
    with pytest.raises(type(said)) as raised:
        raise refused
    assert raised.value.__context__ is system
    assert "Connection reset by peer" in words_of(raised.value)


def test_an_error_of_the_broker_alone_is_told_as_one_of_the_connection() -> None:
    def send() -> None:
        raise OperationalError("no route to host")

    assert isinstance(refusal_of(send), RedisConnectionError)
    assert refusal_of(lambda: None) is None
