"""How times are written in output."""

from datetime import datetime


def iso_milliseconds(time: datetime) -> str:
    """A naive UTC time as ISO 8601 with milliseconds and Z."""
    return f"{time.isoformat(timespec='milliseconds')}Z"
