"""Fixtures of the tests that publish."""

from __future__ import annotations

import pytest

from dagster_project.settings import Settings
from tests.publishing.invented_ports import fill


@pytest.fixture
def filled(settings: Settings) -> Settings:
    """A home whose warehouse holds lines of two months and a first forecast."""
    fill(settings)
    return settings
