"""A Redis as hosts sell it: over TLS alone, with a password and a certificate that nobody vouches for."""

import subprocess
from signal import SIGTERM

from redis import Redis
from redis.exceptions import ConnectionError, TimeoutError

from tests.e2e.programs import free_port
from tests.servers.supervised import SupervisedServer
from tests.tools import needed

_PASSWORD = "pb4f1c2d"
_CERTIFICATE = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=redis"


class TlsRedis(SupervisedServer):
    """A Redis at `url`, which begins with rediss://."""

    def __init__(self) -> None:
        self._binary = needed("redis-server")
        self._port = free_port()
        self.url = f"rediss://:{_PASSWORD}@127.0.0.1:{self._port}"
        super().__init__(SIGTERM)
        files = ["-keyout", "key.pem", "-out", "certificate.pem"]
        command = [needed("openssl"), *_CERTIFICATE.split(), *files]
        subprocess.run(command, check=True, cwd=self.folder, capture_output=True)

    def command(self) -> list[str]:
        encrypted = ["--port", "0", "--tls-port", str(self._port), "--tls-auth-clients", "no"]
        files = [
            "--tls-cert-file",
            "certificate.pem",
            "--tls-key-file",
            "key.pem",
            "--tls-ca-cert-file",
            "certificate.pem",
        ]
        return [self._binary, *encrypted, *files, "--bind", "127.0.0.1", "--requirepass", _PASSWORD, "--save", ""]

    def answers(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except (ConnectionError, TimeoutError):
            return False

    def flush(self) -> None:
        """Empty it."""
        with self._client() as client:
            client.flushdb()

    def _client(self) -> Redis:
        return Redis.from_url(self.url, ssl_cert_reqs="none")
