"""A fictional company in a few numbers, from which all its rows are generated."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from vettr_cron.datasets.fiction.tickers import Listing

Draw = Callable[[], float]
"""Uniform in 0..1: the only source of randomness. Random's other methods are slow, or differ by Python version."""

Choice = TypeVar("Choice")


class Trade(NamedTuple):
    """A line of business; `spending` says what it is judged by: exploration, research, or none (gross profit)."""

    sector: str
    tails: tuple[str, ...]
    spending: str
    without_revenue: float
    """The share of companies that sell nothing yet."""


_TRADES = (
    *(Trade("Gold Mining", ("Gold Corp.", "Gold Mines Ltd.", "Goldfields Inc."), "exploration", 0.8),) * 4,
    *(Trade("Base Metals Mining", ("Copper Corp.", "Metals Inc.", "Mining Ltd."), "exploration", 0.7),) * 3,
    *(Trade("Natural Resources", ("Resources Ltd.", "Uranium Corp.", "Lithium Inc."), "exploration", 0.75),) * 3,
    *(Trade("Technology", ("Technologies Inc.", "Systems Corp.", "Robotics Inc."), "research", 0.3),) * 3,
    *(Trade("Software", ("Software Inc.", "Analytics Corp.", "Cloud Inc."), "research", 0.2),) * 2,
    *(Trade("Biotechnology", ("Biosciences Inc.", "Therapeutics Inc.", "Genomics Corp."), "research", 0.75),) * 3,
    Trade("Pharmaceuticals", ("Pharma Inc.", "Laboratories Ltd."), "none", 0.4),
    Trade("Medical Devices", ("Medical Inc.", "Diagnostics Corp."), "none", 0.3),
    Trade("Oil & Gas", ("Energy Ltd.", "Petroleum Corp.", "Oil & Gas Inc."), "none", 0.2),
    Trade("Renewable Energy", ("Renewables Inc.", "Solar Corp.", "Power Ltd."), "none", 0.3),
    Trade("Real Estate", ("Properties Inc.", "Land Corp."), "none", 0.0),
    Trade("Financial Services", ("Capital Corp.", "Financial Inc."), "none", 0.0),
    Trade("Consumer Products", ("Foods Inc.", "Brands Inc.", "Beverages Corp."), "none", 0.05),
    Trade("Industrials", ("Industries Ltd.", "Manufacturing Inc.", "Logistics Corp."), "none", 0.05),
    Trade("Cannabis", ("Growers Inc.", "Wellness Corp."), "none", 0.15),
)
_FIRST = (
    *("Amber", "Arctic", "Aspen", "Aurora", "Beacon", "Birch", "Boreal", "Cascade", "Cedar", "Cobalt", "Copperfield"),
    *("Cypress", "Dawn", "Delta", "Eagle", "Ember", "Falcon", "Fjord", "Frontier", "Garnet", "Glacier", "Golden"),
    *("Granite", "Great Bear", "Harbour", "Highland", "Horizon", "Iron", "Juniper", "Kestrel", "Lakeshore", "Larch"),
    *("Lynx", "Maple", "Meridian", "Midnight", "Moraine", "North", "Northern", "Nova", "Obsidian", "Onyx", "Osprey"),
    *(
        "Pacific",
        "Pine",
        "Polar",
        "Prairie",
        "Quartz",
        "Raven",
        "Red",
        "Sable",
        "Silver",
        "Slate",
        "Spruce",
        "Sterling",
    ),
    *("Stone", "Summit", "Tamarack", "Timber", "Tundra", "Vega", "White", "Wolf", "Yellowhead", "Zenith"),
)
_SECOND = (
    *("Arrow", "Bay", "Bluff", "Bridge", "Brook", "Canyon", "Cape", "Cove", "Creek", "Crest", "Crossing", "Divide"),
    *("Falls", "Field", "Flats", "Fork", "Gate", "Glen", "Grove", "Haven", "Hill", "Hollow", "Island", "Junction"),
    *("Lake", "Ledge", "Light", "Meadow", "Mesa", "Mountain", "Pass", "Path", "Peak", "Point", "Pond", "Range"),
    *("Rapids", "Reach", "Ridge", "Rise", "River", "Rock", "Shore", "Sky", "Sound", "Spring", "Star", "Strait"),
    *("Stream", "Trail", "Vale", "Valley", "View", "Wave", "Way", "Wind", "Wood"),
)


class Company(NamedTuple):
    """`strength` and `turmoil` are from 0 to 1; money is in dollars."""

    ticker: str
    exchange: str
    name: str
    trade: Trade
    price: float
    shares: int
    strength: float
    """How well it is run and funded: moves many figures at once, so that scores spread."""
    sells: bool
    turmoil: float
    """How much it makes deals, raises money and replaces executives: what the red flags look for."""
    quiet_days: int
    """The number of days since it last published something."""

    @property
    def market_cap(self) -> float:
        """All shares at today's price."""
        return round(self.price * self.shares, 2)


def company(listed: Listing, draw: Draw) -> Company:
    """From penny stocks worth a few million to companies worth a few billion; small ones are far more common."""
    trade = pick(_TRADES, draw)
    price = rounded_price(0.02 * 2500 ** draw())
    value = 1.5e6 * 2000 ** (draw() ** 1.2)
    return Company(
        ticker=listed.ticker,
        exchange=listed.exchange,
        name=f"{pick(_FIRST, draw)} {pick(_SECOND, draw)} {pick(trade.tails, draw)}",
        trade=trade,
        price=price,
        shares=max(int(value / price / 100) * 100, 1000),
        strength=(draw() + draw()) / 2,
        sells=draw() >= trade.without_revenue,
        turmoil=draw() ** 2,
        quiet_days=1 + int(300 * draw() ** 2) if draw() < 0.3 else 1 + int(10 * draw()),
    )


def pick(choices: Sequence[Choice], draw: Draw) -> Choice:
    """One of them, all equally likely."""
    return choices[int(draw() * len(choices))]


def rounded_price(price: float) -> float:
    """To the tick: a cent, or a hundredth of it below a dollar; never 0."""
    return round(price, 2) if price >= 1 else max(round(price, 4), 0.0001)


def rounded_money(amount: float) -> float:
    """To the thousand, as companies report."""
    return round(amount, -3) + 0.0  # never -0.0
