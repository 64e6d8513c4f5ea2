"""Which variables the service knows: a recipe that sets another one does nothing."""

from vettr_cron.config import PING_VARIABLE, Settings
from vettr_cron.jobs import JOBS
from vettr_cron.schedule_settings import SCHEDULE_VARIABLE

_OF_JOBS = [prefix + job.key.upper() for prefix in (PING_VARIABLE, SCHEDULE_VARIABLE) for job in JOBS.values()]
KNOWN = {*(name.upper() for name in Settings.model_fields), *_OF_JOBS, "PORT", "BIND_HOST", "WEB_CONCURRENCY"}
REQUIRED = {"CRON_SECRET", "DATABASE_URL", "REDIS_URL"}
