"""One attempt at a group of stocks: it makes the results the same each time they are computed."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from vettr_cron.domain.fast_uuid5 import uuid5_hex


@dataclass(frozen=True, slots=True)
class Attempt:
    """The job's name, its cycle, and the one `now` of all its rules: the chunk's, naive UTC."""

    job: str
    cycle_id: UUID
    now: datetime

    def row_ids(self, stock_id: UUID | str, *kinds: str) -> list[str]:
        """The ids, in hex, of a stock's rows of these kinds, the same each time that the same cycle writes them."""
        stock_id = stock_id if isinstance(stock_id, UUID) else UUID(stock_id)
        start = self.cycle_id.bytes + f"{self.job}:{stock_id}:".encode()
        return [uuid5_hex(start + kind.encode()) for kind in kinds]
