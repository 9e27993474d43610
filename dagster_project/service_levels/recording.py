"""Measure what is published, append it to the state, and tell readers in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from datetime import datetime

import duckdb

from dagster_project.contracts.contract import read_contracts
from dagster_project.publishing import (
    current_publication,
    read_live_ports,
    read_ports,
    refresh_live,
)
from dagster_project.service_levels.measurement import Measurement
from dagster_project.service_levels.measuring import measure
from dagster_project.service_levels.subject import Subject
from dagster_project.settings import Settings
from dagster_project.warehouse import transaction, warehouse

NEWEST = """
select {columns}
from state.slo_measurements
where measured_at = (select max(measured_at) from state.slo_measurements)
order by product, slo, element
"""


def measure_published(settings: Settings, measured_at: datetime) -> tuple[Measurement, ...]:
    """Measure every promise on the current publication, and keep and publish what was found.

    Args:
        settings: the deployment, with the day that is judged.
        measured_at: the moment, with a time zone.

    Returns:
        The measurements; none while nothing is published.
    """
    published = current_publication(settings)
    if published is None:
        return ()
    ports = {port.relation: port for port in (*read_ports(), *read_live_ports())}
    with warehouse(settings) as connection:
        subject = Subject(settings, connection, published, ports)
        measurements = measure(subject, read_contracts(), measured_at)
        with transaction(connection):
            record(connection, measurements)
        refresh_live(settings.published, connection)
    return measurements


def record(connection: duckdb.DuckDBPyConnection, measurements: Sequence[Measurement]) -> None:
    """Append measurements; what was measured before stays as it was."""
    columns = [field.name for field in fields(Measurement)]
    connection.executemany(
        f"insert into state.slo_measurements ({', '.join(columns)})"
        f" values ({', '.join('?' * len(columns))})",
        [astuple(measurement) for measurement in measurements],
    )


def newest_measurements(connection: duckdb.DuckDBPyConnection) -> tuple[Measurement, ...]:
    """The rows of the last measurement; none before the first."""
    columns = ", ".join(field.name for field in fields(Measurement))
    rows = connection.execute(NEWEST.format(columns=columns)).fetchall()
    return tuple(Measurement(*row) for row in rows)
