"""What all replies share, and the replies about the process itself."""

from typing import Literal

from pydantic import ConfigDict, Field, RootModel

from vettr_cron.shapes.shape import Shape, Time, absent


class Meta(Shape):
    """Present in every reply."""

    timestamp: Time = Field(description="When the reply was made, UTC")
    request_id: str = Field(description="The same as in X-Request-Id and in the log", examples=["3f2a91c0"])


class InvalidParameter(Shape):
    """One parameter that was refused."""

    parameter: str = Field(description="Its name as given", examples=["chunk_size"])
    message: str = Field(
        description="What is wrong, and what is allowed",
        examples=["'0' is not allowed; use a whole number from 1 to 10000"],
    )


class InvalidParameters(RootModel[list[InvalidParameter]]):
    """Every parameter that was refused, each once."""

    model_config = ConfigDict(defer_build=True)


class Alive(Shape):
    """The process answers."""

    status: Literal["ok"]


class Ready(Shape):
    """The service can work."""

    status: Literal["ready"]


class Problems(Shape):
    """The servers that are not ready, and why; the others are absent."""

    database: str = Field(default_factory=absent, examples=["The database does not answer"])
    redis: str = Field(default_factory=absent, examples=["Redis does not answer"])


class NotReady(Shape):
    """Why the service cannot work."""

    not_ready: Problems
