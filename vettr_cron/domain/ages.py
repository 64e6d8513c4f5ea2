"""Ages as people write them: a whole number and its unit, such as 90m, 24h or 7d."""

import re
from datetime import timedelta

AGE_PATTERN = r"([1-9][0-9]{0,4})([smhd])"  # as many days ago is still a valid date
AGE_FORM = "1 to 99999 seconds, minutes, hours or days, such as 90m, 24h or 7d"
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def parse_age(text: str) -> timedelta:
    """The age that a text names. Raises ValueError for a text of any other form."""
    found = re.fullmatch(AGE_PATTERN, text, re.ASCII)
    if not found:
        raise ValueError("not an age")
    return timedelta(seconds=int(found[1]) * _SECONDS[found[2]])
