"""Times: naive and in UTC inside, ISO 8601 in output."""

from datetime import UTC, datetime


def iso_milliseconds(time: datetime) -> str:
    """A time as ISO 8601 in UTC, with milliseconds and Z; one without a time zone is UTC."""
    return f"{naive_utc(time).isoformat(timespec='milliseconds')}Z"


def logged_time(time: object) -> str | None:
    """A time of the run log, where another program may have left any text in its place: that is shown as it is."""
    return iso_milliseconds(time) if isinstance(time, datetime) else None if time is None else str(time)


def naive_utc(time: datetime) -> datetime:
    """A time with an offset in UTC and without it; one without an offset is in UTC already. Raises OverflowError."""
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def parsed(text: str) -> datetime:
    """The time that a text in ISO 8601 says, naive UTC; one without an offset is in UTC. Raises ValueError."""
    try:
        return naive_utc(datetime.fromisoformat(text))
    except OverflowError as error:
        raise ValueError("beyond the times that there are") from error
