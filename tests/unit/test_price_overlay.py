"""The price overlay: true range, its average, and the tilt."""

from math import exp

import pytest

from tests.days import DailyPrice, series_of
from vettr_cron.domain.errors import StockDataError
from vettr_cron.domain.vetr_score import Overlay
from vettr_cron.domain.vetr_score import overlay as rules

NOTHING = Overlay(return_pct=0, z_score=0, atr_pct=0, dynamic_tilt=0)
CALM = DailyPrice(high=10, low=10, close=10, previous_close=10)


def average_true_range(days: list[DailyPrice]) -> float:
    return rules.average_true_range(series_of(days))


def price_overlay(price: float | None, days: list[DailyPrice]) -> Overlay:
    return rules.price_overlay(price, series_of(days))


def day(true_range: float, close: float = 10) -> DailyPrice:
    return DailyPrice(high=10 + true_range, low=10, close=close, previous_close=10)


@pytest.mark.parametrize(
    ("price", "true_range"),
    [
        (DailyPrice(12, 9, 10, 10), 3),
        (DailyPrice(12, 11, 10, 8), 4),
        (DailyPrice(12, 11, 10, 15), 4),
        (DailyPrice(9, 12, 10, 10), 2),
        (DailyPrice(None, 9, 10, 10), 0),
        (DailyPrice(12, None, 10, 10), 0),
        (DailyPrice(12, 9, 10, None), 0),
        (DailyPrice(0, 9, 10, 10), 0),
        (DailyPrice(12, 0, 10, 10), 0),
        (DailyPrice(12, 9, 10, 0), 0),
        (DailyPrice(12, 9, None, 10), 3),
    ],
)
def test_the_true_range_spans_the_day_and_the_close_before(price: DailyPrice, true_range: float) -> None:
    assert average_true_range([price]) == true_range


def test_few_days_give_the_mean() -> None:
    assert average_true_range([]) == 0
    assert average_true_range([day(1), day(2)]) == 1.5
    assert average_true_range([day(13)] + [CALM] * 12) == 1


def test_from_fourteen_days_on_the_newer_days_count_more() -> None:
    first = [day(14)] + [CALM] * 13
    assert average_true_range(first) == 1
    assert average_true_range([*first, day(15)]) == 2
    assert average_true_range([*first, day(15), day(2)]) == 2


def test_only_the_thirty_newest_days_count() -> None:
    recent = [day(2)] * 30
    assert price_overlay(10, [day(900), *recent]) == price_overlay(10, recent)


def test_a_rise_of_one_range_tilts_the_score_up() -> None:
    overlay = price_overlay(11, [day(1)] * 20)
    assert overlay == Overlay(return_pct=10, z_score=1, atr_pct=10, dynamic_tilt=15 * (1 / (1 + exp(-1)) - 0.5))
    assert overlay.rounded == Overlay(return_pct=10, z_score=1, atr_pct=10, dynamic_tilt=3.47)


@pytest.mark.parametrize(("price", "tilt"), [(10 + 1e-3, 7.5), (10 - 1e-3, -7.5)])
def test_a_move_of_thousands_of_ranges_tilts_it_all_the_way(price: float, tilt: float) -> None:
    overlay = price_overlay(price, [day(1e-6)] * 20)
    assert abs(overlay.z_score) > 750
    assert overlay.dynamic_tilt == pytest.approx(tilt, abs=1e-300)


def test_a_stock_that_never_moved_has_no_score_of_its_move() -> None:
    overlay = price_overlay(11, [CALM] * 20)
    assert overlay == Overlay(return_pct=10, z_score=0, atr_pct=0, dynamic_tilt=0)


@pytest.mark.parametrize("price", [None, 0])
def test_without_a_price_only_the_range_is_known(price: float | None) -> None:
    assert price_overlay(price, [day(1)] * 20) == Overlay(return_pct=0, z_score=0, atr_pct=10, dynamic_tilt=0)


@pytest.mark.parametrize("close", [None, 0])
def test_without_a_previous_close_nothing_is_known(close: float | None) -> None:
    assert price_overlay(11, [day(1)] * 20 + [DailyPrice(12, 9, close, 10)]) == NOTHING


def test_the_previous_close_is_that_of_the_newest_day() -> None:
    assert price_overlay(11, [day(1, close=5), day(1, close=10)]).return_pct == 10


def test_without_prices_nothing_is_known() -> None:
    assert price_overlay(11, []) == NOTHING


def test_halves_of_a_hundredth_go_up() -> None:
    overlay = Overlay(return_pct=0.125, z_score=-0.125, atr_pct=1, dynamic_tilt=-0.375)
    assert overlay.rounded == Overlay(return_pct=0.13, z_score=-0.12, atr_pct=1, dynamic_tilt=-0.37)


@pytest.mark.parametrize(
    ("price", "prices", "column"),
    [
        (1e308, [day(1, close=1e-5)], "hourly_return_pct is Infinity"),
        (1e305, [day(1, close=1)], "hourly_return_pct is Infinity"),
        (11, [DailyPrice(5e-324, 5e-324, 1, 1e-323)] * 20, "z_score is Infinity"),
        (2, [DailyPrice(2e-307, 1e-307, 1, 1e-307)] * 20, "z_score is Infinity"),  # 1e307, until it is rounded
        (11, [DailyPrice(1.7e308, -1.7e308, 10, 10)] * 20, "atr_pct is Infinity"),
        (11, [DailyPrice(2e305, 1e305, 1, 1e305)] * 20, "atr_pct is Infinity"),  # 1e307, until it is rounded
    ],
)
def test_a_boundless_figure_is_a_data_error(price: float, prices: list[DailyPrice], column: str) -> None:
    with pytest.raises(StockDataError, match=f"^vetr_score_history.{column}; a finite number is needed$"):
        price_overlay(price, prices)
