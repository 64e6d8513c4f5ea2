"""A Redis that knows the service by a file of deploy/redis."""

from hashlib import sha256
from pathlib import Path

from tests.deploy.web_proxy import make_certificate
from tests.e2e.programs import PROJECT, free_port
from tests.servers.redis_server import PrivateRedis
from tests.tools import needed
from tests.world import World

ACL = PROJECT / "deploy" / "redis" / "users.acl"
USER, PASSWORD = "vettr-cron", "of-the-service-alone"
TLS = ("--tls-cert-file", "certificate.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "certificate.pem")


class AclRedis(PrivateRedis):
    """A Redis that knows the users of the file, and one for the test."""

    def __init__(self, acl: Path = ACL) -> None:
        super().__init__()
        self.tls_port = free_port()
        make_certificate(self.folder)
        self.url = self.url.replace("/0", "/1")  # so that the client must select it
        (self.folder / "users.acl").write_text(
            acl.read_text()
            .replace("user default off\n", "user default on nopass ~* &* +@all\n")
            .replace("put-the-sha256-of-the-password-here", sha256(PASSWORD.encode()).hexdigest())
        )

    def command(self) -> list[str]:
        tls = ["--tls-port", str(self.tls_port), "--tls-auth-clients", "no", *TLS]
        return [needed("redis-server"), *super().command()[1:], *tls, "--aclfile", str(self.folder / "users.acl")]

    @property
    def url_of_service(self) -> str:
        return self.url.replace("redis://", f"redis://{USER}:{PASSWORD}@")

    def url_over_tls(self, options: str = "") -> str:
        return f"rediss://{USER}:{PASSWORD}@127.0.0.1:{self.tls_port}/1{options}"


def allow(owner: World, change: str) -> None:
    """Change what the service may do."""
    owner.redis.execute_command("ACL", "SETUSER", USER, change)  # type: ignore[no-untyped-call]
