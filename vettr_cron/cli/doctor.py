"""flask --app wsgi cron doctor: what is wrong, and how to fix it."""

from itertools import chain
from typing import Any

from vettr_cron.cli.cron import FAILED, cron
from vettr_cron.cli.errors import report_errors
from vettr_cron.cli.output import show_json, show_lines
from vettr_cron.cli.parameters import json_option, quiet_option
from vettr_cron.cli.text_tables import columns
from vettr_cron.registry import services
from vettr_cron.services.doctor.doctor import Check, Diagnosis, State


@cron.command()
@json_option
@quiet_option
@report_errors
def doctor(as_json: bool, quiet: bool) -> None:
    """Check settings, servers, stocks and schedule, and say how to fix what is wrong.

    The exit status is 1 if there is a problem; warnings leave it 0.
    """
    found = services().doctor.examine()
    if quiet and found.ok:
        return
    if as_json:
        show_json({"ok": found.ok, "checks": [_json(check) for check in found.checks]})
    else:
        show_lines(_text(found))
    if not found.ok:
        raise SystemExit(FAILED)


def _json(check: Check) -> dict[str, Any]:
    return {"name": check.name, "state": check.state, "found": check.found, "mend": check.fix}


def _text(found: Diagnosis) -> list[str]:
    # Text from outside, such as a pause's reason, may contain line breaks.
    rows = [(check.name, check.state.value, " ".join(check.found.split())) for check in found.checks]
    lines = columns(rows)
    indent = " " * (max(len(name) for name, *_ in rows) + max(len(state) for _, state, _ in rows) + 4)
    pairs = zip(lines, found.checks, strict=True)
    return [*chain.from_iterable(_lines(line, check, indent) for line, check in pairs), _summary(found)]


def _lines(line: str, check: Check, indent: str) -> list[str]:
    return [line, f"{indent}{check.fix}"] if check.fix else [line]


def _summary(found: Diagnosis) -> str:
    return f"{_counted(found, State.PROBLEM)}, {_counted(found, State.WARNING)}."


def _counted(found: Diagnosis, state: State) -> str:
    count = found.count(state)
    return f"{count or 'no'} {state.value}{'' if count == 1 else 's'}"
