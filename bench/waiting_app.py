"""The service with the job that waits and no other, for `flask --app` and `bench.service`."""

from bench.waiting import WAITING
from vettr_cron.app import create_app

app = create_app(jobs={WAITING.name: WAITING})
