"""Ways for Redis to fail, and how each is undone."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis

from tests.chaos.proxy import Proxy
from tests.integration.failing import assert_goes_on
from tests.integration.meddling import wait_until
from tests.servers.redis_server import PrivateRedis
from tests.world import World

STOCKS = 50
TERM = 2.0
MOVE = b"vetr_score:T"  # what no request has in it but the one that moves the cursor of scores


@dataclass(frozen=True, slots=True)
class Setting:
    """A service with 50 stocks whose way to Redis goes over a proxy; `direct` is Redis without it."""

    world: World
    proxy: Proxy
    server: PrivateRedis
    direct: "Redis"


def assert_goes_on_in_time(setting: Setting, offset: int) -> None:
    """The next call goes on, once the term of a lease that could not be given back has run out."""
    wait_until(lambda: not setting.direct.exists("cron:scores:lease"))
    assert_goes_on(setting.world, offset)


def refuse(setting: Setting) -> None:
    setting.proxy.refuse()


def stall(setting: Setting) -> None:
    setting.proxy.stall()


def stop(setting: Setting) -> None:
    setting.server.stop()


def freeze(setting: Setting) -> None:
    os.kill(setting.server.pid, signal.SIGSTOP)


def make_replica(setting: Setting) -> None:
    setting.direct.replicaof("127.0.0.1", 1)


def fill(setting: Setting) -> None:
    setting.direct.config_set("maxmemory", 1)


def lock(setting: Setting) -> None:
    setting.direct.config_set("requirepass", "s3cret")
    setting.direct.auth("s3cret")
    setting.direct.client_kill_filter(_type="normal", skipme=True)


def forbid(setting: Setting) -> None:
    setting.direct.acl_setuser("default", enabled=True, commands=["-evalsha"])


def recover(setting: Setting) -> None:
    """Undo whatever was done to Redis or to the way there."""
    setting.proxy.heal()
    if setting.server.alive:
        os.kill(setting.server.pid, signal.SIGCONT)
        setting.direct.replicaof("NO", "ONE")
        setting.direct.config_set("maxmemory", 0)
        setting.direct.acl_setuser("default", enabled=True, commands=["+evalsha"])
        setting.direct.config_set("requirepass", "")
    else:
        setting.server.start()


INSTANT: dict[str, tuple[Callable[[Setting], None], str]] = {
    "the way there is cut": (refuse, "Redis does not answer"),
    "it is stopped": (stop, "Redis does not answer"),
    "it became a replica": (make_replica, "Redis is a read-only replica"),
    "it is out of memory": (fill, "Redis is out of memory"),
    "it forbids scripts": (forbid, "lacks a permission that the service needs; Redis refuses EVALSHA: "),
    "it wants another password": (lock, "Redis refuses the credentials in REDIS_URL"),
}
SILENT: dict[str, tuple[Callable[[Setting], None], str]] = {
    "the way there swallows everything": (stall, "Redis does not answer"),
    "it is frozen": (freeze, "Redis does not answer"),
}
FAULTS = INSTANT | SILENT
