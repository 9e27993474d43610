"""Tables that are refreshed in place beside the publications: what tells of now, not of then.

A publication never changes. How its promises are kept does, also while nothing is published: so the
status of the service levels is a file of its own, replaced in one step, that every port file names.

published/live/<relation>/all.parquet
"""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from dagster_project.publishing.ports import Port, read_live_ports
from dagster_project.warehouse import memory, quoted

LIVE = "live"
FILE = "all.parquet"


def live_file(published: Path, relation: str) -> Path:
    """Where a live table is; `published` is the folder of that name."""
    return published / LIVE / relation / FILE


def live_files(published: Path) -> dict[str, Path]:
    """The file of each live table; one that was never refreshed is made without a row."""
    ports = read_live_ports()
    for port in ports:
        if not live_file(published, port.relation).exists():
            with memory() as connection:
                columns = ", ".join(
                    f'cast(null as {kind}) as "{name}"' for name, kind in port.columns.items()
                )
                _replace(connection, published, port, f"select {columns} where false")
    return {port.relation: live_file(published, port.relation) for port in ports}


def refresh_live(published: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Write what the live tables' models hold now; readers see the old rows or the new ones.

    Args:
        published: the folder of the publications.
        connection: to the warehouse, with the models built.
    """
    for port in read_live_ports():
        _refresh(published, connection, port)


def renew_live(published: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Refresh the live tables whose contract has other columns than their file.

    They are refreshed after a publication, and its audit would fail on the old columns before.
    The arguments are those of `refresh_live`.
    """
    for port in read_live_ports():
        file = live_file(published, port.relation)
        if file.exists() and pq.read_schema(file).names != list(port.columns):
            _refresh(published, connection, port)


def _refresh(published: Path, connection: duckdb.DuckDBPyConnection, port: Port) -> None:
    columns = ", ".join(f'"{name}"' for name in port.columns)
    order = ", ".join(f'"{name}"' for name in port.key)
    sql = f'select {columns} from "{port.relation}" order by {order}'
    _replace(connection, published, port, sql)


def _replace(connection: duckdb.DuckDBPyConnection, published: Path, port: Port, sql: str) -> None:
    file = live_file(published, port.relation)
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{FILE}.part")
    connection.execute(f"copy ({sql}) to {quoted(part)} (format parquet, compression zstd)")
    part.chmod(0o444)
    os.replace(part, file)
