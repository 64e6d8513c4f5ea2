"""One answer for all callers: the question is put once, the answer is kept for a while, an error is not."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from vettr_cron.services.monitor.shared import Shared

FOREVER, NEVER = 3_600.0, 0.0


def test_an_answer_is_given_again_for_as_long_as_it_is_kept() -> None:
    answers, took = iter(range(10)), []

    def keep(seconds: float) -> float:
        took.append(seconds)
        return NEVER if len(took) == 1 else FOREVER

    shared = Shared(lambda: next(answers), keep)
    assert [shared.get() for _ in range(4)] == [0, 1, 1, 1]
    assert len(took) == 2
    assert all(0 <= seconds < 10 for seconds in took)


def test_callers_at_once_put_one_question() -> None:
    asked, may_answer = [], threading.Event()

    def ask() -> int:
        asked.append(1)
        assert may_answer.wait(20)
        return len(asked)

    shared = Shared(ask, lambda _took: FOREVER)
    with ThreadPoolExecutor(8) as executor:
        found = [executor.submit(shared.get) for _ in range(8)]
        may_answer.set()
    assert [each.result() for each in found] == [1] * 8


def test_an_error_is_not_kept() -> None:
    answers = iter([1 / 2, None])
    shared = Shared(lambda: 1 / next(answers), lambda _took: NEVER)  # type: ignore[operator]
    assert shared.get() == 2
    for error in (TypeError, StopIteration):
        with pytest.raises(error):
            shared.get()


def test_whoever_shares_a_question_waits_no_longer_than_its_patience() -> None:
    is_asked, may_answer = threading.Event(), threading.Event()

    def ask() -> str:
        is_asked.set()
        assert may_answer.wait(20)
        return "answer"

    shared = Shared(ask, lambda _took: FOREVER)
    with ThreadPoolExecutor(1) as executor:
        first = executor.submit(shared.get, 0.0)
        assert is_asked.wait(20)
        with pytest.raises(TimeoutError):
            shared.get(0.01)
        may_answer.set()
        assert first.result() == "answer"
    assert shared.get(0.0) == "answer"
