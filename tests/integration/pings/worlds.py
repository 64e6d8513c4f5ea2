"""Services whose calls are told to a host."""

from collections.abc import Callable

from tests.jobs import THE_TWO
from tests.world import World

SCORES = THE_TWO["scores"]
NO_REDIS = "redis://127.0.0.1:1/0"
NO_DATABASE = "postgresql://somebody@127.0.0.1:1/none"
MakeWorld = Callable[..., World]
