"""A published home of a handful of lines, and its catalog."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from dagster_project.catalog import write_catalog
from dagster_project.contracts.contract import read_contracts
from dagster_project.settings import Settings
from dagster_project.warehouse import warehouse
from tests.publishing.invented_ports import fill, publish


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


def publish_lines(settings: Settings) -> None:
    """Publish a handful of lines; a promised table that they say nothing of is empty."""
    fill(settings)
    tables = [table for contract in read_contracts() for table in contract.tables]
    with warehouse(settings) as connection:
        for table in tables:
            columns = ", ".join(
                f'cast(null as {column.physical_type}) as "{column.name}"'
                for column in table.columns
            )
            connection.execute(
                f'create view if not exists "{table.relation}" as select {columns} where false'
            )
    publish(settings)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A small published home, to write catalogs of."""
    home = tmp_path_factory.mktemp("published") / "home"
    settings = Settings(home=home, today=date(2018, 1, 1), lock_timeout_seconds=5)
    publish_lines(settings)
    return settings


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The catalog of a small home whose name has to be quoted; nothing may write to it."""
    home = tmp_path_factory.mktemp("catalog") / "o'home & <b>"
    settings = Settings(home=home, today=date(2018, 1, 1), lock_timeout_seconds=5)
    publish_lines(settings)
    return Site(settings, write_catalog(settings).parent)
