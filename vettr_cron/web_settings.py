"""The settings of the web server, which hosts set themselves; `Settings` has them beside its own."""

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings

DEFAULT_PORT = 8000
DEFAULT_PROCESSES = 2
MAXIMUM_PORT = 65_535
MAXIMUM_PROCESSES = 1_000

_HOST_NAME = re.compile(r"(?!-)[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*\.?")


def _digits(value: object) -> object:
    # The environment holds decimal digits alone; Python also takes 1_000.
    if isinstance(value, str) and not re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        raise ValueError("not decimal digits")
    return value


def _interface(value: object) -> object:
    """An address without the brackets that one of IPv6 has in a URL, or a host name; None if blank."""
    if not isinstance(value, str) or not value.strip():
        return None
    host = value.strip()
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if ":" in host or re.fullmatch("[0-9.]+", host):
        ip_address(host)  # raises for what is none
    elif not _HOST_NAME.fullmatch(host):
        raise ValueError("not a host")
    return host


def _number(default: int) -> BeforeValidator:
    return BeforeValidator(lambda value: default if isinstance(value, str) and not value.strip() else _digits(value))


class WebSettings(BaseSettings):
    """Where the web server listens, and with how many processes."""

    port: Annotated[int, _number(DEFAULT_PORT)] = Field(
        default=DEFAULT_PORT,
        ge=0,
        le=MAXIMUM_PORT,
        title="the port that the web server listens on; 0 is any free port",
        description=f"a whole number from 0 to {MAXIMUM_PORT}",
    )
    bind_host: Annotated[str | None, BeforeValidator(_interface)] = Field(
        default=None,
        title="the interface that the web server listens on; by default all of IPv4, and without a secret 127.0.0.1",
        description="the address of an interface of this machine, such as 127.0.0.1, 0.0.0.0 or ::, or a name of one",
    )
    web_concurrency: Annotated[int, _number(DEFAULT_PROCESSES)] = Field(
        default=DEFAULT_PROCESSES,
        ge=1,
        le=MAXIMUM_PROCESSES,
        title="worker processes of the web server, of 8 threads each",
        description=f"a whole number from 1 to {MAXIMUM_PROCESSES}",
    )
