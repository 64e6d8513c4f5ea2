"""The cycle in plain words: what a call does to a universe of stocks, without databases, leases or failures."""

from dataclasses import dataclass, field
from uuid import UUID

Universe = dict[str, UUID]
"""Each stock's id by its ticker."""


@dataclass(slots=True)
class Cycle:
    """What a cycle has done; `owed` are the stocks that have been in their place since it began."""

    id: UUID
    owed: set[UUID]
    done: set[UUID] = field(default_factory=set)


@dataclass(slots=True)
class Place:
    """Where the next chunk starts: after a ticker."""

    offset: int
    after: str | None
    cycle: Cycle


@dataclass(frozen=True, slots=True)
class Expected:
    """What a call must have come to."""

    cycle: Cycle
    current_offset: int
    stocks: Universe
    chunks_run: int
    is_complete: bool


@dataclass(slots=True)
class JobModel:
    """One job. `place` is None between two cycles, and while `rank_set`, which another program set, stands instead."""

    place: Place | None = None
    rank_set: int = 0
    cycles: list[Cycle] = field(default_factory=list)
    dead_run: str | None = None  # its holder was killed, and its lease stands

    @property
    def offset(self) -> int:
        return self.place.offset if self.place else self.rank_set

    def forget(self) -> None:
        """The cursor is gone."""
        self.place, self.rank_set = None, 0

    def set_rank(self, rank: int) -> None:
        """Only the offset is there."""
        self.place, self.rank_set = None, rank

    def displace(self, stock: UUID) -> None:
        """A stock has left its place in the universe."""
        for cycle in self.cycles:
            cycle.owed.discard(stock)

    def is_rank_beyond(self, universe: Universe) -> bool:
        return self.rank_set > 0 and self.rank_set >= len(universe)

    def begin(self, universe: Universe, cycle_id: UUID) -> Place:
        """Where a call starts; with this cycle where none is under way."""
        if self.place is None:
            assert cycle_id not in {cycle.id for cycle in self.cycles}
            rank = 0 if self.is_rank_beyond(universe) else self.rank_set
            after = sorted(universe)[rank - 1] if rank else None
            self.cycles.append(Cycle(cycle_id, set(ahead(universe, after).values())))
            self.place, self.rank_set = Place(rank, after, self.cycles[-1]), 0
        return self.place

    def call(self, universe: Universe, size: int, chunks: int | None, cycle_id: UUID) -> Expected:
        """Go through a call; `chunks` None is all."""
        place = self.begin(universe, cycle_id)
        start, stocks, ran, complete = place.offset, Universe(), 0, False
        while not complete and ran != chunks:
            chunk = next_chunk(universe, place, size)
            complete = len(ahead(universe, place.after)) <= size
            stocks |= chunk
            place.cycle.done |= set(chunk.values())
            place = Place(place.offset + len(chunk), max(chunk, default=place.after), place.cycle)
            ran += 1
        self.place = None if complete else place
        return Expected(place.cycle, start, stocks, ran, complete)


def next_chunk(universe: Universe, place: Place, size: int) -> Universe:
    """The stocks that a chunk at this place has."""
    beyond = ahead(universe, place.after)
    return {ticker: beyond[ticker] for ticker in sorted(beyond)[:size]}


def ahead(universe: Universe, after: str | None) -> Universe:
    """The stocks beyond a ticker."""
    return {ticker: stock for ticker, stock in universe.items() if after is None or ticker > after}
