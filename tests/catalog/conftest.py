"""A published home of a handful of lines, and its catalog."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from dagster_project.catalog import write_catalog
from dagster_project.settings import Settings
from tests.test_publishing import fill, publish


@dataclass(frozen=True)
class Site:
    """A catalog and the home it tells of."""

    settings: Settings
    folder: Path

    def text(self, name: str) -> str:
        """The HTML of one page."""
        return (self.folder / f"{name}.html").read_text(encoding="utf-8")

    @property
    def pages(self) -> list[Path]:
        """All pages."""
        return sorted(self.folder.glob("*.html"))


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small published home, to write catalogs of."""
    home = tmp_path_factory.mktemp("published") / "home"
    settings = Settings(home=home, today=date(2018, 1, 1), lock_timeout_seconds=5)
    fill(settings)
    publish(settings)
    return settings


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The catalog of a small home whose name has to be quoted; nothing may write to it."""
    home = tmp_path_factory.mktemp("catalog") / "o'home & <b>"
    settings = Settings(home=home, today=date(2018, 1, 1), lock_timeout_seconds=5)
    fill(settings)
    publish(settings)
    return Site(settings, write_catalog(settings).parent)
