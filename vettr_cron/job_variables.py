"""Variables of which each job has one of its own: a prefix and the job's key, in capitals."""

import os
from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr


def by_job(prefix: str, values: Mapping[str, Any]) -> dict[str, str]:
    """What the variables with this prefix hold, by the rest of their names; those that are blank are left out.

    Each is read from the environment, or from the values under the same name, in any case.
    """
    given = {name.upper(): value for name, value in (*os.environ.items(), *values.items())}
    named = {name.removeprefix(prefix).lower(): value for name, value in given.items() if name.startswith(prefix)}
    texts = {key: value.get_secret_value() if isinstance(value, SecretStr) else value for key, value in named.items()}
    # Settings that share the prefix may be given as what they are, such as numbers.
    return {key: text.strip() for key, text in texts.items() if isinstance(text, str) and text.strip()}
