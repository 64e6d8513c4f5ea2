"""GET /v1/cron/stocks and /v1/cron/stocks/<ticker>: find a stock, and show what the service knows of it."""

from flask import Response

from vettr_cron.api.blueprint import cron
from vettr_cron.api.contract import answers, unavailable
from vettr_cron.api.envelope import success
from vettr_cron.api.errors import ApiError
from vettr_cron.api.parameters import NoParameters, StocksParameters
from vettr_cron.api.request_parameters import asks
from vettr_cron.domain.errors import UnknownStock
from vettr_cron.registry import services
from vettr_cron.shapes import stocks as shapes


@cron.get("/stocks", provide_automatic_options=False)
@answers(shapes.FoundStocks, unavailable(), tag="dashboard")
@asks(StocksParameters)
def stocks(asked: StocksParameters) -> Response:
    """Find stocks by the beginning of their ticker, or by a part of their name."""
    return success(shapes.found_stocks(services().stocks.search(asked.search, asked.limit)))


# Of a path and not of one segment: a ticker may contain a slash.
@cron.get("/stocks/<path:ticker>", provide_automatic_options=False)
@answers(
    shapes.stock_shape,
    unavailable(),
    path={"ticker": "The stock's ticker, as it is written, percent-encoded"},
    tag="dashboard",
)
@asks(NoParameters)
def stock(_asked: NoParameters, ticker: str) -> Response:
    """One stock: what each job knows of it, its results over time, and how new its inputs are."""
    ticker = ticker.removesuffix("/")  # a path is the same with a slash at its end
    try:
        return success(shapes.stock(services().stocks.one(ticker), services().jobs))
    except UnknownStock as error:
        raise ApiError(404, "NOT_FOUND", f"{error}; /v1/cron/stocks?search=... finds tickers") from None
