"""How a job fares, and how all jobs do, in one sentence each: what the doctor finds, or that all is well."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from vettr_cron.domain.diagnosis import stocks
from vettr_cron.domain.diagnosis.check import State
from vettr_cron.domain.diagnosis.schedule import Results, schedule, see_failures
from vettr_cron.domain.engine import EngineState, check_engine
from vettr_cron.domain.job_state import EMPTY_UNIVERSE, JobState, clock, place, span

_WORST_FIRST = (State.PROBLEM, State.WARNING, State.OK)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How bad it is, what was found, and how to fix it: None if there is nothing to do."""

    state: State
    found: str
    fix: str | None = None
    next_call: datetime | None = None  # when it is expected; None also while something is wrong, which matters more

    @property
    def sentence(self) -> str:
        """What was found and, if all is well, when the next call is expected."""
        return self.found + (f"; the next call is expected at {clock(self.next_call)}" if self.next_call else "")


def verdict(state: JobState, results: Results) -> Verdict:
    """How a job fares: as bad as the doctor finds it."""
    if state.total_stocks == 0:
        check = stocks.universe(stocks.Tickers(total=0, too_long=0, longest=None), None)
        return Verdict(check.state, _capital(EMPTY_UNIVERSE), check.fix)
    check = schedule(state, results)
    if check.state is not State.OK:
        return Verdict(check.state, check.found, check.fix)
    found = "; ".join(_when_well(state, results))
    return Verdict(State.OK, _capital(found), see_failures(state.name) if results.failing else None, state.next_call)


def overall(verdicts: Mapping[str, Verdict]) -> Verdict:
    """How all jobs fare, by their names: what is said of the worst one, or of each if all are well.

    Jobs of which the same is said are named together; if that is said of all, none is named.
    """
    state = min((each.state for each in verdicts.values()), key=_WORST_FIRST.index)
    names: dict[str, list[str]] = {}  # by what is said of them
    for name, each in verdicts.items():
        if each.state is state:
            names.setdefault(each.found, []).append(name.replace("-", " "))
    founds = list(names) if state is State.OK else list(names)[:1]
    told = [each for each in verdicts.values() if each.state is state and each.found in founds]
    is_said_of_all = len(told) == len(verdicts) and len(founds) == 1
    found = founds[0] if is_said_of_all else "; ".join(f"{_capital(_listed(names[each]))}: {each}" for each in founds)
    fixes = dict.fromkeys(each.fix for each in told if each.fix)
    next_call = min((each.next_call for each in told if each.next_call), default=None)
    return Verdict(state, found, " ".join(fixes) or None, next_call)


def with_engine(verdict: Verdict, engine: EngineState) -> Verdict:
    """The same, unless nothing worse is known than that calls will fail, as no worker is there for them."""
    if verdict.state is State.PROBLEM or engine.workers or not engine.has_workers:
        return verdict
    check = check_engine(engine, "")
    return Verdict(check.state, check.found, check.fix)


def _when_well(state: JobState, results: Results) -> Iterator[str]:
    """What there is to say of a job that fares well, of whose stocks a few may be old or failing."""
    total = state.total_stocks
    if state.running or state.lease_held:
        along_cursor = state.running is None or state.running.chunk_offset is not None
        yield f"running, {place(state)} are done" if along_cursor else "running"
    if results.never:
        yield f"{results.never} of {total} stocks have no result yet"
    if results.stale:
        yield f"{results.stale} of {total} stocks have no result from the last {span(results.within)}"
    if results.failing:
        yield f"{results.failing} of {total} stocks failed last time"
    if not (results.never or results.stale or results.failing):
        yield "the only stock is fresh" if total == 1 else f"all {total} stocks are fresh"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
