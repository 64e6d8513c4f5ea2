"""What each variable may hold, and how what it may not hold is refused."""

from datetime import timedelta

import pytest

from tests.unit.config.environments import SECRET, Load, refusal


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("CRON_CHUNK_SIZE", "1", 1),
        ("CRON_CHUNK_SIZE", "10000", 10_000),
        ("CRON_BATCH_SIZE", "500", 500),
        ("CRON_WORKERS", "64", 64),
        ("CRON_CHUNKS_PER_CALL", "5", 5),
        ("CRON_CHUNKS_PER_CALL", "all", None),
        ("CRON_CHUNKS_PER_CALL", " ALL ", None),
        ("CRON_TIME_BUDGET_SECONDS", "300", 300),
        ("CRON_TIME_BUDGET_SECONDS", "0.5", 0.5),
        ("CRON_LEASE_SECONDS", "2", 2),
        ("CRON_CURSOR_TTL_SECONDS", "60", 60),
        ("CRON_TOLERATED_FAILURE_PERCENT", "0", 0),
        ("CRON_TOLERATED_FAILURE_PERCENT", "100", 100),
        ("CRON_TOLERATED_FAILURE_PERCENT", "12.5", 12.5),
        ("CRON_FRESH_WITHIN", "90m", timedelta(minutes=90)),
        ("CRON_FRESH_WITHIN", " 7d ", timedelta(days=7)),
        ("CRON_FRESH_WITHIN", "99999d", timedelta(days=99_999)),
        ("CRON_CHUNK_SIZE", "", 100),  # set to nothing is not set
    ],
)
def test_a_value_is_read(load: Load, name: str, text: str, value: object) -> None:
    assert getattr(load(APP_ENV="test", **{name: text}), name.lower()) == value


@pytest.mark.parametrize(
    ("name", "values", "allowed"),
    [
        ("APP_ENV", ["prod", "Production", "staging", " "], "production, development or test"),
        ("CRON_CHUNK_SIZE", ["0", "-1", "10001", "abc", "1e3", "5.5", " ", "all"], "a whole number from 1 to 10000"),
        ("CRON_BATCH_SIZE", ["0", "501", "x"], "a whole number from 1 to 500"),
        ("CRON_WORKERS", ["0", "65", "x"], "a whole number from 1 to 64"),
        (
            "CRON_CHUNKS_PER_CALL",
            ["0", "-1", "some", "1000001", "none", " "],
            "a whole number from 1 to 1000000, or all",
        ),
        (
            "CRON_TIME_BUDGET_SECONDS",
            ["0", "-1", "nan", "inf", "86401", "25s"],
            "a number of seconds above 0, at most 86400",
        ),
        ("CRON_LEASE_SECONDS", ["1", "0", "3601", "nan", "inf", "-30"], "a number of seconds from 2 to 3600"),
        ("CRON_CURSOR_TTL_SECONDS", ["59", "0", "1.5", "31536001"], "a whole number of seconds from 60 to 31536000"),
        ("CRON_TOLERATED_FAILURE_PERCENT", ["-1", "101", "nan", "50%"], "a number from 0 to 100"),
        (
            "CRON_FRESH_WITHIN",
            ["24", "0h", "-1h", "1.5h", "24H", "1w", "25 h", "100000s", "\u0661h", " "],
            "1 to 99999 seconds, minutes, hours or days, such as 90m, 24h or 7d",
        ),
        ("CRON_KEEP_CALLS_DAYS", ["0", "36501", "7d"], "a whole number of days from 1 to 36500"),
        ("REDIS_SSL_CERT_REQS", ["optional", "None", "1"], "required, or none"),
    ],
)
def test_an_unreadable_value_is_refused_with_what_it_may_hold(
    load: Load, name: str, values: list[str], allowed: str
) -> None:
    for value in values:
        said = refusal(load, **{"APP_ENV": "test", name: value})
        assert said.startswith(f"{name}: {value!r} cannot be read; it may hold {allowed}")
        assert said.count("\n") == 0


def test_all_bad_values_are_named_at_once(load: Load) -> None:
    said = refusal(load, APP_ENV="x", CRON_CHUNK_SIZE="x", CRON_WORKERS="x", REDIS_URL=SECRET, DATABASE_URL=SECRET)
    names = [line.partition(":")[0] for line in said.splitlines()]
    assert sorted(names) == ["APP_ENV", "CRON_CHUNK_SIZE", "CRON_WORKERS", "DATABASE_URL", "REDIS_URL"]


def test_bytes_that_are_no_text_are_refused_but_in_a_secret(load: Load) -> None:
    urls = {"DATABASE_URL": "postgresql://user:\udcff@host/name", "REDIS_URL": "redis://:\udcff@host"}
    for name, value in (urls | {"CRON_CHUNK_SIZE": "\udcff"}).items():
        assert refusal(load, **{"APP_ENV": "test", name: value}).startswith(name)
    assert load(APP_ENV="test", CRON_SECRET="\udcff").secrets == (b"\xff",)  # as os.environ hands over the byte


def test_variables_of_others_do_no_harm(load: Load) -> None:
    assert load(APP_ENV="test", CRON_SOMETHING="x", SECRETS="x", PORT="8000").cron_chunk_size == 100
