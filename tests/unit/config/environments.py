"""Settings loaded from an environment, and what is said where it is refused."""

from collections.abc import Callable

import pytest

from vettr_cron.config import ConfigError, Settings

SECRET = "hush-hush-0123456789"
POSTGRES = f"postgresql://user:{SECRET}@host/name"
REDIS = f"redis://:{SECRET}@host:6379/0"
Load = Callable[..., Settings]


def refusal(load: Load, **environment: str) -> str:
    """What is said about an environment that is refused; secrets are never in it."""
    with pytest.raises(ConfigError) as caught:
        load(**environment)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None  # nothing that a traceback would quote
    assert caught.value.__suppress_context__
    return str(caught.value)
