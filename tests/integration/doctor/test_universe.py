"""The stocks."""

from uuid import uuid4

from tests.integration.doctor.examinations import OK, PROBLEM, WARNING, assert_found, examined
from tests.world import World


def test_an_empty_universe(world: World) -> None:
    assert_found(world, "universe", PROBLEM, "There are no stocks", "stocks import")


def test_tickers_that_the_platforms_table_cannot_hold(healthy_on_postgres: World) -> None:
    stock = {"name": "Long", "exchange": "TSX", "sector": "Mining"}
    healthy_on_postgres.add("stocks", {"id": uuid4(), "ticker": "ELEVEN.CHAR", **stock})
    healthy_on_postgres.data("refresh-all")
    assert examined(healthy_on_postgres)["universe"]["state"] == OK
    healthy_on_postgres.execute("DELETE FROM red_flag_history")
    healthy_on_postgres.execute("ALTER TABLE red_flag_history ALTER stock_ticker TYPE varchar(10)")
    found = "1 of 4 stocks have tickers longer than the 10 characters"
    assert_found(healthy_on_postgres, "universe", WARNING, found, "varchar(20)")


def test_tickers_in_lower_case(healthy: World) -> None:
    healthy.execute("UPDATE stocks SET ticker = 'bRk.b' WHERE ticker = (SELECT min(ticker) FROM stocks)")
    healthy.data("refresh-all")
    assert_found(healthy, "universe", WARNING, "1 of 3 stocks have tickers that are not in upper case", "in upper case")
