"""Finds stocks by the beginning of their ticker, or by a part of their name."""

import codecs
from string import ascii_lowercase, ascii_uppercase
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from vettr_cron.models.tables import stocks
from vettr_cron.repositories.universe import as_text

_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


class FoundStock(NamedTuple):
    """A stock that was found."""

    ticker: str
    name: str
    exchange: str
    sector: str
    vetr_score: Any  # what the column has: on SQLite another program may have left any value


def search(connection: Connection, wanted: str, limit: int) -> list[FoundStock]:
    """The stock with this ticker, then those whose ticker begins so, then those whose name contains it, in any case.

    One scan finds both: no index helps to find a part of a name, and a scan takes less than 50 ms for 100 000 stocks.
    """
    ticker, name = (_folded(column, connection.dialect.name) for column in (stocks.c.ticker, stocks.c.name))
    forms = _forms(wanted, _encoding(connection))
    begins = or_(*(ticker.startswith(form, autoescape=True) for form in forms))
    contains = or_(*(name.contains(form, autoescape=True) for form in forms))
    rank = case((stocks.c.ticker == wanted, 0), (func.lower(ticker).in_(forms), 1), (begins, 2), else_=3)
    shown = [as_text(stocks.c[name]).label(name) for name in FoundStock._fields]
    found = select(*shown).where(or_(begins, contains)).order_by(rank, stocks.c.ticker, stocks.c.id).limit(limit)
    return [FoundStock._make(row) for row in connection.execute(found)]


def _folded(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """The text to compare with forms in lower case: only ASCII's capitals count as small letters, which is quick.

    So it is on SQLite, whose LIKE does that itself, and on PostgreSQL whatever the database's locale.
    """
    return func.lower(as_text(column).collate("C")) if dialect == "postgresql" else column


def _forms(wanted: str, encoding: str) -> list[str]:
    """How the text may be written where it has other letters than ASCII's: as it is, small, large, or capitalized.

    The encoding may lack another form's letters: LATIN1 has a small y with diaeresis, but no capital one.
    """
    others = (wanted.lower(), wanted.upper(), wanted.capitalize(), wanted.title())
    written = (wanted, *(form for form in others if _is_in(encoding, form)))
    return list(dict.fromkeys(form.translate(_ASCII_LOWER) for form in written))


def _is_in(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _encoding(connection: Connection) -> str:
    """Python's name of the database's encoding; UTF-8 for one that Python does not know, or that has any bytes."""
    if connection.dialect.name != "postgresql":
        return "utf-8"
    driver: Any = connection.connection.driver_connection
    name = driver.info.parameter_status("server_encoding") or ""
    try:
        return codecs.lookup(name.replace("WIN", "cp")).name
    except LookupError:
        return "utf-8"
