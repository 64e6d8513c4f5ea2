"""What others can see of a lease, the right to advance a job."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Held:
    """Another caller's lease.

    `seconds_left` is never more than the lease's own term; `seconds_beyond_term` is what its key would live longer,
    which only a step of Redis' clock can cause. `seconds_since_progress` counts from the last stock evaluated, chunk
    read, transaction committed or move of the cursor, as of its last renewal; a release before this one does not say.
    """

    run_id: str | None
    seconds_left: float
    seconds_beyond_term: float = 0.0
    seconds_since_progress: int | None = None
    call_id: str | None = None  # None if its holder is of a release without a call log
