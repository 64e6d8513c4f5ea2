"""How many rounds of faults a test runs, and the seed that chooses them, both from the environment."""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

Choice = TypeVar("Choice")

ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "8"))
# The few rounds of an ordinary test run are always the same; `make chaos` draws a seed for all its processes.
SEED = int(os.environ.get("CHAOS_SEED", "1"))


def sample(choices: Sequence[Choice], most: int = ROUNDS) -> list[Choice]:
    """All of the choices, or as many as there are rounds, in their order; the seed is printed."""
    chosen = sorted(random.Random(SEED).sample(range(len(choices)), min(most, len(choices))))
    print(f"CHAOS_SEED={SEED}: {len(chosen)} of {len(choices)} rounds")
    return [choices[number] for number in chosen]
