"""The blueprint that every route of /v1/cron belongs to."""

from flask import Blueprint

cron = Blueprint("cron", __name__, url_prefix="/v1/cron")
