"""The engine that does groups of stocks, and its workers."""

from typing import Literal

from pydantic import Field

from vettr_cron.shapes.shape import Count, Shape


class Worker(Shape):
    """A worker that is alive."""

    name: str = Field(description="Its machine and process", examples=["worker-1:4711"])
    release: str = Field(description="The release that it runs", examples=["2.0.0"])
    processes: Count = Field(description="How many groups it does at once", examples=[4])
    jobs: list[str] = Field(description="The jobs that it knows", examples=[["scores", "red-flags"]])


class Engine(Shape):
    """Who does groups of stocks: the calls' own threads, or workers."""

    name: Literal["threads", "celery"] = Field(description="CRON_ENGINE")
    workers: list[Worker] = Field(description="The workers that are alive; none with threads")
    groups_under_way: Count = Field(description="Groups that workers were given and that are not done", examples=[16])
    groups_waiting: Count = Field(description="Of these, groups that no worker has begun", examples=[12])
    oldest_waiting_seconds: Count | None = Field(
        description="For how long the oldest of these has been waiting; null if none is", examples=[1]
    )
    redeliveries: Count = Field(
        description="Groups that were begun again, as their worker died or was stopped, since Redis was last emptied",
        examples=[0],
    )
