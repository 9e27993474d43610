"""The measurements kept: appended to the state, and told to readers in one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields

import duckdb

from dagster_project.service_levels.measurement import Measurement

NEWEST = """
select {columns}
from state.slo_measurements
where measured_at = (select max(measured_at) from state.slo_measurements)
order by product, slo, element
"""


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
