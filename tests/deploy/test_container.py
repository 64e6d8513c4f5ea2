"""The image of the Dockerfile: what is in it, and that the service works in it where nothing can be written."""

import json
import shutil
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest

from tests.deploy.containers import Container, terminate
from tests.deploy.image import DECOYS, Image, built_image
from tests.deploy.loopback import LoopbackPostgres
from tests.documentation.shell import commands
from tests.e2e.programs import PATIENCE, flask_each, free_port
from tests.integration.meddling import under_way, wait_until
from tests.world import SECRET

MOST_BYTES = 150_000_000
SECONDS_TO_STOP = 12  # a call has 10 s, and the interpreter must end


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    with built_image() as image:
        yield image


@pytest.fixture
def database(redis_url: str) -> Iterator[str]:
    with LoopbackPostgres().running() as server:
        yield server.create_own_database("vettr", "pass-word", "vettr")


def on_servers(image: Image, database: str, redis_url: str, **more: str) -> Container:
    return Container(image, {"CRON_SECRET": SECRET, "DATABASE_URL": database, "REDIS_URL": redis_url, **more})


def status_of(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {SECRET}"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def test_it_adds_less_than_150_mb_to_its_base(image: Image) -> None:
    print(f"over its base: {image.bytes_over_base / 1e6:.0f} MB")
    assert 10_000_000 < image.bytes_over_base < MOST_BYTES


def test_it_holds_the_service_and_nothing_else(image: Image) -> None:
    service = image.root / "service"
    assert sorted(path.name for path in service.iterdir()) == [
        "__pycache__", "gunicorn.conf.py", "migrations", "vettr_cron", "wsgi.py",
    ]  # fmt: skip
    assert not [path for name in DECOYS for path in image.root.rglob(Path(name).name)]
    assert [entry.partition("=")[0] for entry in image.config["Env"]] == ["PATH"]
    assert not (image.root / "etc/pip.conf").exists()  # the host's, which pip read


def test_it_holds_no_compiler_and_no_pip_of_its_own(image: Image) -> None:
    path = ":".join(str(image.root / folder) for folder in ("venv/bin", "usr/local/bin", "usr/bin", "bin", "usr/sbin"))
    found = [name for name in ("cc", "gcc", "g++", "clang", "ld", "as", "make", "rustc", "cargo", "go")
             if shutil.which(name, path=path)]  # fmt: skip
    assert found == []
    assert not list((image.root / "venv/bin").glob("pip*"))


def test_it_runs_as_a_user_that_owns_nothing_in_it(image: Image) -> None:
    user, group = map(int, image.config["User"].split(":"))
    assert user > 0 and group > 0
    owned = [path for path in image.root.rglob("*") if path.lstat().st_uid == user or path.lstat().st_gid == group]
    assert owned == []


def test_nothing_is_left_to_be_compiled(image: Image) -> None:
    for folder in (image.root / "service", image.root / "venv/lib"):
        sources = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py")}
        compiled = {
            path.relative_to(folder).parent.parent / path.name.rpartition(".cpython-")[0]
            for path in folder.rglob("*.pyc")
        }
        assert sources
        assert sources - compiled == set()


def test_a_cycle_of_the_demo_and_an_orderly_stop_on_a_read_only_root(
    image: Image, database: str, redis_url: str
) -> None:
    port = free_port()
    container = on_servers(image, database, redis_url, PORT=str(port))
    for words in (["db", "upgrade"], ["stocks", "demo"], ["cron", "refresh-all", "--chunks", "all", "--json"]):
        begun = time.monotonic()
        done = container.finished("flask", "--app", "wsgi", *words)
        assert done.returncode == 0, done.stderr
        print(f"{' '.join(words)}: {time.monotonic() - begun:.1f} s")
    results = json.loads(done.stdout)
    for job in ("scores", "red_flags"):
        assert results[job]["chunk_info"]["is_complete"]
        assert (results[job]["stocks_processed"], results[job]["failed"]) == (1572, 0)

    begun = time.monotonic()
    with container.started() as web:
        wait_until(lambda: status_of(port, "/readyz") == 200 or web.poll() is not None, PATIENCE)
        print(f"from its start to the first 200 of /readyz: {time.monotonic() - begun:.2f} s")
        assert {status_of(port, path) for path in ("/healthz", "/readyz", "/v1/cron/status", "/dashboard")} == {200}
        assert health(container) == 0
        with psycopg.connect(database) as holder:
            holder.execute("LOCK TABLE vetr_score_history IN ACCESS EXCLUSIVE MODE")
            call = under_way(lambda: status_of(port, "/v1/cron/scores"))
            wait_until(lambda: waits(database, "vetr_score_history"))
            terminate(web)
            begun = time.monotonic()
        assert call.result(timeout=SECONDS_TO_STOP) == 200  # what was in hand is saved
        _, log = web.communicate(timeout=SECONDS_TO_STOP)
        print(f"from SIGTERM in a call to its end: {time.monotonic() - begun:.1f} s")
        assert web.returncode == 0, log
    assert health(container) != 0
    assert last_run(database) == ("refresh-scores", "completed")


def test_what_it_may_not_write_it_does_not_need(image: Image, redis_url: str, tmp_path: Path) -> None:
    """SQLite on a volume that the image's user owns, all else read-only."""
    data = tmp_path / "data"
    data.mkdir()
    shutil.chown(data, *map(int, image.config["User"].split(":")))
    variables = {"CRON_SECRET": SECRET, "DATABASE_URL": "sqlite:////data/vettr.db", "REDIS_URL": redis_url}
    container = Container(image, variables, {data: "/data"})
    for path in ("/x", "/service/x", "/venv/x", "/etc/x"):
        refused = container.finished("sh", "-c", f"echo > {path}")
        assert "Read-only file system" in refused.stderr, refused.stderr
    for words in (["db", "upgrade"], ["stocks", "generate", "--count", "30"], ["cron", "refresh-all"]):
        done = container.finished("flask", "--app", "wsgi", *words)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert (data / "vettr.db").stat().st_size > 0


def test_it_says_what_is_missing(image: Image) -> None:
    done = Container(image, {}).finished()
    assert done.returncode == 1
    assert "CRON_SECRET, DATABASE_URL, REDIS_URL must be set in production" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_commands_that_the_pages_run_in_it_work(
    migrated_postgres_url: str, redis_url: str, small_demo: Path
) -> None:
    told = [command for command in commands("docker", "kubectl") if "flask" in command.words]
    assert {command.program for command in told} == {"docker", "kubectl"}
    words = [command.words[command.words.index("flask") + 1 :] for command in told]
    assert {each[:2] for each in words} == {("--app", "wsgi")}
    given = [[str(small_demo) if word == "/stocks" else word for word in each[2:]] for each in words]
    given = [[*each, "--mix"] if each[:2] == ["stocks", "import"] else each for each in given]
    variables = {"CRON_SECRET": SECRET, "DATABASE_URL": migrated_postgres_url, "REDIS_URL": redis_url}
    variables |= {"CRON_CHUNKS_PER_CALL": "all", "CRON_SCHEDULE": "off"}
    for command, done in zip(told, flask_each(given, variables), strict=True):
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def health(container: Container) -> int:
    """What the image's health check says, run beside the web server as an engine does."""
    kind, *command = container.image.config["Healthcheck"]["Test"]
    assert kind == "CMD"
    return container.finished(*command).returncode


def waits(database: str, table: str) -> bool:
    with psycopg.connect(database) as seer:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
        row = seer.execute(waiting, [table]).fetchone()
    return bool(row and row[0])


def last_run(database: str) -> object:
    with psycopg.connect(database) as seer:
        return seer.execute("SELECT job_name, status FROM cron_job_runs ORDER BY started_at DESC LIMIT 1").fetchone()
