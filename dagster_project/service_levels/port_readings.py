"""Reading the published ports as a consumer does: through the file they attach, timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.publishing import Port
from dagster_project.warehouse import port as attached

READS = 5
ROWS_READ = 1_000


@dataclass(frozen=True)
class PortReading:
    """What came of reading a port.

    Attributes:
        milliseconds: of each read, in their order; empty when it could not be read.
        error: the first line of what went wrong, or None.
    """

    milliseconds: tuple[float, ...]
    error: str | None = None


def read_port(file: Path, port: Port, reads: int = READS) -> PortReading:
    """Read what consumers ask most: up to 1,000 rows of the newest day, version or all, timed."""
    newest = port.month_of or port.value_of
    where = f'where "{newest}" = (select max("{newest}") from "{port.relation}")' if newest else ""
    sql = f'select * from "{port.relation}" {where} limit {ROWS_READ}'
    taken = []
    try:
        for _ in range(reads):
            started = time.perf_counter()
            with attached(file) as connection:
                connection.execute(sql).to_arrow_table()
            taken.append(1000 * (time.perf_counter() - started))
    except (duckdb.Error, OSError) as error:
        return PortReading((), str(error).splitlines()[0])
    return PortReading(tuple(taken))


def newest_value(connection: duckdb.DuckDBPyConnection, relation: str, column: str) -> Any:
    """The newest value of a column of a port; None when it has no row."""
    return connection.execute(f'select max("{column}") from "{relation}"').fetchall()[0][0]


def values_since(
    connection: duckdb.DuckDBPyConnection, relation: str, column: str, after: date
) -> list[Any]:
    """The different values of a date column after a day."""
    sql = f'select distinct "{column}" from "{relation}" where "{column}" > ?'
    return [value for (value,) in connection.execute(sql, [after]).fetchall()]


def rows_by_day(
    connection: duckdb.DuckDBPyConnection, relation: str, column: str, days: list[date]
) -> dict[date, int]:
    """Rows of a port on each of some days; a day without any has none."""
    sql = (
        f'select "{column}", count(*) from "{relation}"'
        f' where "{column}" in (select unnest(?::date[])) group by 1'
    )
    return dict(connection.execute(sql, [days]).fetchall())


def repeated_keys(
    connection: duckdb.DuckDBPyConnection, port: Port, after: date
) -> tuple[int, int]:
    """Rows that repeat the key of another, and rows: of the days after one, or newest version."""
    where, parameters = "true", []
    if port.month_of:
        where, parameters = f'"{port.month_of}" > ?', [after]
    elif port.value_of:
        where = f'"{port.value_of}" = (select max("{port.value_of}") from "{port.relation}")'
    key = ", ".join(f'"{name}"' for name in port.key)
    sql = (
        f"select coalesce(sum(found - 1), 0)::bigint, coalesce(sum(found), 0)::bigint from ("
        f'select count(*) as found from "{port.relation}" where {where} group by {key})'
    )
    repeated, rows = connection.execute(sql, parameters).fetchall()[0]
    return repeated, rows
