"""An environment of the test's own."""

import pytest

from tests.unit.config.environments import Load
from vettr_cron.config import Settings, load_settings


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads the settings from an environment of just these variables."""

    def load(**environment: str) -> Settings:
        for name in Settings.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load
