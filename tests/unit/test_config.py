"""The settings: what the environment may hold, what it means, and how what it may not hold is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from vettr_cron.config import ConfigError, Settings, load_settings, sqlalchemy_url, web_port, web_processes

SECRET = "hush-hush-0123456789"
POSTGRES = f"postgresql://user:{SECRET}@host/name"
REDIS = f"redis://:{SECRET}@host:6379/0"

Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the settings from an environment of just these variables."""

    def load(**environment: str) -> Settings:
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load


def refusal(load: Load, **environment: str) -> str:
    """What is said about an environment that is refused; secrets are never in it."""
    with pytest.raises(ConfigError) as caught:
        load(**environment)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None  # nothing that a traceback would quote
    assert caught.value.__suppress_context__
    return str(caught.value)


def test_without_variables_development_has_the_documented_defaults(load: Load) -> None:
    assert load(APP_ENV="development").model_dump() == {
        "app_env": "development",
        "cron_secret": None,
        "cron_secret_previous": None,
        "metrics_token": None,
        "database_url": None,
        "redis_url": None,
        "redis_ssl_cert_reqs": "required",
        "cron_chunk_size": 100,
        "cron_batch_size": 10,
        "cron_workers": 4,
        "cron_chunks_per_call": 1,
        "cron_time_budget_seconds": None,
        "cron_lease_seconds": 30,
        "cron_cursor_ttl_seconds": 86_400,
        "cron_tolerated_failure_percent": 50,
        "cron_keep_runs_days": 7,
        "cron_keep_red_flags_days": 100,
        "cron_keep_snapshots_days": 200,
        "cron_row_security": "off",
        "cron_ping_urls": {},
    }


def test_production_is_the_default_and_does_not_start_without_what_it_needs(load: Load) -> None:
    for environment in ({}, {"APP_ENV": "production"}, {"APP_ENV": ""}):
        said = refusal(load, **environment)
        assert said.startswith("CRON_SECRET, DATABASE_URL, REDIS_URL must be set in production")
        assert "APP_ENV=development" in said


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
@pytest.mark.parametrize("name", ["CRON_SECRET", "DATABASE_URL", "REDIS_URL"])
def test_production_names_the_one_that_is_unset_or_blank(load: Load, name: str, blank: str) -> None:
    complete = {"CRON_SECRET": SECRET, "DATABASE_URL": POSTGRES, "REDIS_URL": REDIS}
    assert load(**complete).app_env == "production"
    said = refusal(load, **complete | {name: blank})
    assert said.startswith(f"{name} must be set in production")


def test_production_does_not_start_with_a_secret_that_can_be_guessed(load: Load) -> None:
    urls = {"DATABASE_URL": POSTGRES, "REDIS_URL": REDIS}
    said = refusal(load, **urls, CRON_SECRET="only-15-letters", CRON_SECRET_PREVIOUS=SECRET)
    assert said.startswith("CRON_SECRET has fewer than 16 characters")
    assert "only-15" not in said
    assert "CRON_SECRET_PREVIOUS" in said
    assert load(**urls, CRON_SECRET="just-16-letters!", CRON_SECRET_PREVIOUS="old").secrets[1] == b"old"
    assert load(APP_ENV="development", CRON_SECRET="short").secrets == (b"short",)


def test_the_previous_secret_does_not_stand_in_for_the_secret(load: Load) -> None:
    said = refusal(load, CRON_SECRET_PREVIOUS=SECRET, DATABASE_URL=POSTGRES, REDIS_URL=REDIS)
    assert said.startswith("CRON_SECRET must be set")


def test_secrets_are_stripped_and_blank_is_unset(load: Load) -> None:
    settings = load(APP_ENV="test", CRON_SECRET=" new\n", CRON_SECRET_PREVIOUS="old ")
    assert settings.secrets == (b"new", b"old")
    assert load(APP_ENV="test", CRON_SECRET="new", CRON_SECRET_PREVIOUS=" ").secrets == (b"new",)
    assert load(APP_ENV="test", CRON_SECRET="  ", CRON_SECRET_PREVIOUS="old").secrets == ()
    assert load(APP_ENV="test", CRON_SECRET="Pässwörd").secrets == ("Pässwörd".encode(),)


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
        ("REDIS_SSL_CERT_REQS", ["optional", "None", "1"], "required, or none"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_with_what_it_may_hold(
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


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_address_is_taken_through_psycopg(load: Load, scheme: str) -> None:
    text = f"{scheme}://user:{SECRET}@host:5433/name?sslmode=require"
    settings = load(APP_ENV="test", DATABASE_URL=f" {text}\n")
    assert settings.database_url is not None
    url = sqlalchemy_url(settings.database_url.get_secret_value())
    assert url.render_as_string(hide_password=False) == (
        f"postgresql+psycopg://user:{SECRET}@host:5433/name?sslmode=require"
    )


def test_a_sqlite_file_is_taken_from_the_working_folder(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlalchemy_url("sqlite:///some/vettr.db").database == str(tmp_path / "some" / "vettr.db")
    assert sqlalchemy_url("sqlite:////data/vettr.db").database == "/data/vettr.db"
    assert load(APP_ENV="test", DATABASE_URL="sqlite:///vettr.db").database_url is not None


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://user:{SECRET}@host/name",
        f"postgresql+psycopg2://user:{SECRET}@host/name",
        f"postgresql://user:{SECRET}@host:port/name",
        f"postgresql://user:{SECRET}@host/name?pgbouncer=true",
        f'"postgresql://user:{SECRET}@host/name"',
        SECRET,
        f"//{SECRET}",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
    ],
)
def test_another_database_is_refused_and_not_shown(load: Load, url: str) -> None:
    said = refusal(load, APP_ENV="test", DATABASE_URL=url)
    assert said.startswith("DATABASE_URL: its value cannot be read; it may hold postgresql://user:password@host/name")


@pytest.mark.parametrize(
    "url",
    [
        REDIS,
        "redis://host",
        "redis://host/3",
        "redis://host/?db=3",
        "redis://[::1]:6379/2",
        f"rediss://default:{SECRET}@host:6380",
        "rediss://host:6380?ssl_cert_reqs=none",
        "unix:///run/redis.sock",
        f"unix://user:{SECRET}@/run/redis.sock?db=1",
    ],
)
def test_a_redis_address_is_taken(load: Load, url: str) -> None:
    settings = load(APP_ENV="test", REDIS_URL=f"{url} ")
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{SECRET}@host",
        f"{SECRET}.example:6379",
        "redis://",
        f"redis://:{SECRET}@",
        "redis:///0",
        f"redis://:{SECRET}@host:port",
        f"redis://:{SECRET}@host:99999",
        f"redis://:{SECRET}@host/name",
        f"redis://:{SECRET}@host?db=first",
        f"redis://:{SECRET}@host?flavour=mild",
        f"redis://:{SECRET}@host?protocol=9",
        f"rediss://:{SECRET}@host?ssl_cert_reqs=maybe",
        f"redis://:{SECRET}@[::1",
        "unix://",
        "unix://relative/redis.sock",
    ],
)
def test_another_redis_is_refused_and_not_shown(load: Load, url: str) -> None:
    said = refusal(load, APP_ENV="test", REDIS_URL=url)
    assert said.startswith("REDIS_URL: its value cannot be read; it may hold redis://host:port/number")


@pytest.mark.parametrize(
    "url",
    [
        f"https://hc-ping.com/{SECRET}",
        f"http://localhost:8000/ping/{SECRET}/",
        f"HTTPS://host/{SECRET}/scores?create=1",
        f"http://[::1]:8000/{SECRET}",
        "http://host",
    ],
)
def test_an_address_for_pings_is_taken(load: Load, url: str) -> None:
    settings = load(APP_ENV="test", CRON_PING_URL_RED_FLAGS=f" {url}\n", CRON_PING_URL_SCORES=" ")
    assert {job: address.get_secret_value() for job, address in settings.cron_ping_urls.items()} == {"red_flags": url}


@pytest.mark.parametrize(
    "url",
    [
        SECRET,
        f"hc-ping.com/{SECRET}",
        f"ftp://host/{SECRET}",
        f"file:///etc/{SECRET}",
        f"https:///{SECRET}",
        f"https://:8000/{SECRET}",
        f"https://user:{SECRET}@host/",
        f"https://host:port/{SECRET}",
        f"https://host:99999/{SECRET}",
        f"https://host:0/{SECRET}",
        f"https://[::1/{SECRET}",
        f"https://host..name/{SECRET}",
        f"https://{'x' * 64}.example/{SECRET}",
        f"https://host/{SECRET} scores",
        f"https://host/{SECRET}\nscores",
        f"https://host/{SECRET}/ä",
        f"https://host/{SECRET}/\udcff",
    ],
)
@pytest.mark.parametrize("name", ["CRON_PING_URL_SCORES", "CRON_PING_URL_RED_FLAGS"])
def test_another_address_for_pings_is_refused_and_not_shown(load: Load, name: str, url: str) -> None:
    said = refusal(load, **{"APP_ENV": "test", name: url})
    assert said == (
        f"{name}: its value cannot be read; "
        "it may hold http://host/path or https://host/path in ASCII, with no user and no space in it"
    )


def test_bytes_that_are_no_text_are_refused_but_in_a_secret(load: Load) -> None:
    urls = {"DATABASE_URL": "postgresql://user:\udcff@host/name", "REDIS_URL": "redis://:\udcff@host"}
    for name, value in (urls | {"CRON_CHUNK_SIZE": "\udcff"}).items():
        assert refusal(load, **{"APP_ENV": "test", name: value}).startswith(name)
    assert load(APP_ENV="test", CRON_SECRET="\udcff").secrets == (b"\xff",)  # as os.environ hands over the byte


def test_settings_show_no_secrets_and_cannot_be_changed(load: Load) -> None:
    urls = {"DATABASE_URL": POSTGRES, "REDIS_URL": REDIS, "CRON_PING_URL_SCORES": f"https://host/{SECRET}"}
    settings = load(CRON_SECRET=SECRET, CRON_SECRET_PREVIOUS=SECRET, **urls)
    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in shown
    with pytest.raises(ValueError, match="frozen"):
        settings.cron_chunk_size = 5


def test_variables_of_others_do_no_harm(load: Load) -> None:
    assert load(APP_ENV="test", CRON_SOMETHING="x", SECRETS="x", PORT="8000").cron_chunk_size == 100


@pytest.mark.parametrize(
    ("name", "text", "read", "value"),
    [
        ("WEB_CONCURRENCY", None, web_processes, 2),
        ("WEB_CONCURRENCY", "", web_processes, 2),
        ("WEB_CONCURRENCY", "1", web_processes, 1),
        ("WEB_CONCURRENCY", " 8\n", web_processes, 8),
        ("PORT", None, web_port, 8000),
        ("PORT", "", web_port, 8000),
        ("PORT", "0", web_port, 0),
        ("PORT", "65535", web_port, 65_535),
    ],
)
def test_what_hosts_set_for_the_web_server_is_read(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str | None, read: Callable[[], int], value: int
) -> None:
    monkeypatch.delenv(name, raising=False)
    if text is not None:
        monkeypatch.setenv(name, text)
    assert read() == value


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "1_0", "²", "many", "9" * 5000])
@pytest.mark.parametrize(
    ("name", "read", "allowed"), [("WEB_CONCURRENCY", web_processes, "1 to 1000"), ("PORT", web_port, "0 to 65535")]
)
def test_what_hosts_set_for_the_web_server_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[], int], allowed: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError) as caught:
        read()
    assert str(caught.value) == f"{name}: '{text}' cannot be read; it may hold a whole number from {allowed}"


@pytest.mark.parametrize(("name", "text"), [("WEB_CONCURRENCY", "0"), ("WEB_CONCURRENCY", "1001"), ("PORT", "65536")])
def test_numbers_beyond_what_the_web_server_can_do_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError, match=f"{name}: '{text}' cannot be read"):
        {"WEB_CONCURRENCY": web_processes, "PORT": web_port}[name]()
