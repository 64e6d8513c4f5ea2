"""The Flask extensions, bound to an application by create_app()."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase
from werkzeug.local import LocalProxy


class Base(DeclarativeBase):
    """The base of all table classes."""


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model  # Base with Flask-SQLAlchemy's additions, which type checkers cannot see


def bind_migrations(app: Flask, folder: Path) -> None:
    """Let Flask-Migrate find the migrations; it and Alembic are imported when somebody migrates."""

    def configured() -> Any:
        from flask_migrate import Migrate

        Migrate(app, db, directory=str(folder), render_as_batch=False)
        return app.extensions["migrate"]

    app.extensions["migrate"] = LocalProxy(configured)
