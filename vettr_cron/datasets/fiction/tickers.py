"""Ticker and exchange of the n-th fictional stock: unique, independent of the seed, and never a US listing."""

from typing import NamedTuple

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Shuffles n within all words of one length: neither even nor a multiple of 13, so it is coprime to 26 ** length.
_STRIDE = 7_368_787
_SHIFT = 4_321

# US listings have up to five letters and no suffix; here only five-letter tickers that end in F or Y (OTC) do.
_LISTINGS = (
    *(("TSXV", ".V"),) * 7,
    *(("CSE", ".CN"),) * 4,
    *(("TSX", ".TO"),) * 4,
    *(("OTC", ""),) * 2,
    *(("Cboe Canada", ".NE"),) * 2,
    *(("ASX", ".AX"),) * 1,
)
_OVER_THE_COUNTER = {3: "LF", 4: "Y"}

CAPACITY = sum(26**length for length in (3, 4, 5))
"""How many stocks there can be."""


class Listing(NamedTuple):
    """A ticker with its exchange's suffix, and the exchange."""

    ticker: str
    exchange: str


def listing(number: int) -> Listing:
    """The first 17 576 numbers have three letters, the next 456 976 four, the others five."""
    exchange, suffix = _LISTINGS[number * 7 % len(_LISTINGS)]
    length = 3
    while number >= 26**length:
        number -= 26**length
        length += 1
    word = _word((number * _STRIDE + _SHIFT) % 26**length, length)
    if not suffix:
        suffix = _OVER_THE_COUNTER.get(length, ".V")
        exchange = "OTC" if length in _OVER_THE_COUNTER else "TSXV"
    return Listing(word + suffix, exchange)


def _word(rank: int, length: int) -> str:
    letters = []
    for _ in range(length):
        rank, letter = divmod(rank, 26)
        letters.append(_LETTERS[letter])
    return "".join(letters)
