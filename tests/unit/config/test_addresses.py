"""The addresses of databases, of Redis and of those who are told how calls go."""

from typing import Any

import pytest

from tests.unit.config.environments import REDIS, SECRET, Load, refusal
from vettr_cron.addresses import sqlalchemy_url

ENCODED = "in the password, write % as %25, @ as %40, / as %2F, : as %3A, # as %23 and ? as %3F"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_postgresql_address_is_taken_through_psycopg(load: Load, scheme: str) -> None:
    text = f"{scheme}://user:{SECRET}@host:5433/name?sslmode=require"
    settings = load(APP_ENV="test", DATABASE_URL=f" {text}\n")
    assert settings.database_url is not None
    url = sqlalchemy_url(settings.database_url.get_secret_value())
    assert url.render_as_string(hide_password=False) == (
        f"postgresql+psycopg://user:{SECRET}@host:5433/name?sslmode=require"
    )


@pytest.mark.parametrize(
    ("hosts", "host", "port"),
    [
        ("one:5433,two:5434", "one,two", "5433,5434"),
        ("one,two:5434", "one,two", ",5434"),
        ("[::1]:5433,two", "::1,two", "5433,"),
    ],
)
def test_several_hosts_are_read_as_libpq_writes_them(load: Load, hosts: str, host: str, port: str) -> None:
    text = f"postgresql://user:{SECRET},x@{hosts}/name?target_session_attrs=read-write"
    settings = load(APP_ENV="test", DATABASE_URL=text)
    assert settings.database_url is not None
    url = sqlalchemy_url(settings.database_url.get_secret_value())
    _, options = url.get_dialect()().create_connect_args(url)
    assert options == {
        "host": host,
        "port": port,
        "user": "user",
        "password": f"{SECRET},x",
        "dbname": "name",
        "target_session_attrs": "read-write",
    }


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
        f"postgresql://user:{SECRET}@one:port,two/name",
        f"postgresql://user:{SECRET}@one,/name",
        f"postgresql://user:{SECRET}@x@host/name",
        f"postgresql://user:{SECRET}@x/y:z@host/name",
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
    assert said.endswith(ENCODED)


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
        f"redis://:a/{SECRET}@host",
        f"redis://:a#{SECRET}@host",
        f"redis://:a?{SECRET}@host",
        "unix://",
        "unix://relative/redis.sock",
    ],
)
def test_another_redis_is_refused_and_not_shown(load: Load, url: str) -> None:
    said = refusal(load, APP_ENV="test", REDIS_URL=url)
    assert said.startswith("REDIS_URL: its value cannot be read; it may hold redis://host:port/number")
    assert said.endswith(ENCODED)


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


def test_a_variable_of_the_name_of_all_ping_addresses_together_does_no_harm(load: Load) -> None:
    assert load(APP_ENV="test", CRON_PING_URLS="https://hc.example/1").cron_ping_urls == {}
