"""What is measured: a publication, seen on a day, with the warehouse behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import duckdb

from dagster_project.publishing import Port, Publication, publications, reader_file
from dagster_project.service_levels import port_readings, warehouse_readings
from dagster_project.service_levels.figures import ForecastOutcome
from dagster_project.service_levels.measurement import WINDOW_DAYS
from dagster_project.service_levels.port_readings import PortReading
from dagster_project.settings import Settings


@dataclass(frozen=True)
class Subject:
    """What is measured: a publication, seen on a day, with the warehouse behind it.

    Attributes:
        settings: the deployment, with its today.
        warehouse: a connection to the warehouse, with the observability models built.
        published: the current publication.
        ports: the declared ports by relation.
    """

    settings: Settings
    warehouse: duckdb.DuckDBPyConnection
    published: Publication
    ports: Mapping[str, Port]

    @cached_property
    def earlier(self) -> list[Publication]:
        """The publications that are kept from before this one, oldest first."""
        return [item for item in self.history if item.number < self.published.number]

    @property
    def today(self) -> date:
        """The day that is judged."""
        return self.settings.today

    @property
    def window_starts_after(self) -> date:
        """The day before the first one of the window, which ends with yesterday."""
        return self.today - timedelta(days=WINDOW_DAYS + 1)

    @cached_property
    def readings(self) -> dict[str, PortReading]:
        """What came of reading each port through the file of its readers."""
        return {
            relation: port_readings.read_port(
                reader_file(self.settings, restricted=port.is_restricted), port
            )
            for relation, port in self.ports.items()
        }

    @cached_property
    def history(self) -> list[Publication]:
        """The publications that are kept, oldest first."""
        return publications(self.settings)

    @cached_property
    def outcome(self) -> ForecastOutcome:
        """What became of the forecasts that were published."""
        return warehouse_readings.forecast_outcome(
            self.warehouse, self.window_starts_after, self.published.cutoff_on
        )

    @cached_property
    def lines(self) -> tuple[int, int]:
        """Lines in quarantine and lines read, of the window."""
        return warehouse_readings.quarantined_lines(self.warehouse, self.window_starts_after)
