"""The only module that opens DuckDB: short connections, one writer at a time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from dagster_project.lock import Locked
from dagster_project.privacy import keep_private, private_folder
from dagster_project.settings import DBT_PROJECT, HOME_SCHEMA_VERSION, Settings
from dagster_project.sql_functions import register_functions

STATE_TABLES = DBT_PROJECT / "macros" / "state_tables.sql"


class WarehouseLocked(Locked):
    """Another process kept the warehouse file open for longer than we were told to wait."""


class HomeNotSupported(RuntimeError):
    """The home was written by another version of meshcast."""


@contextmanager
def warehouse(
    settings: Settings, *, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the warehouse, wait for its lock, and close it again.

    A writing connection creates the file and the state tables where they are missing.

    Raises:
        WarehouseLocked: the lock was held for `settings.lock_timeout_seconds`; names the holder.
        HomeNotSupported: the home's schema version is not this meshcast's.
    """
    path = settings.warehouse_file
    if not read_only:
        private_folder(path.parent)
        keep_private(settings.home)
    connection = _connect(path, read_only=read_only, timeout=settings.lock_timeout_seconds)
    try:
        connection.execute("set TimeZone = 'UTC'")
        if not read_only:
            register_functions(connection, settings.home)
            _prepare_state(connection, settings.home)
        yield connection
    finally:
        connection.close()


@contextmanager
def port(path: Path, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a published port file, or write a new one that nobody reads yet."""
    connection = duckdb.connect(str(path), read_only=read_only)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@contextmanager
def memory() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory, for SQL over files and frames that leaves nothing behind."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        yield connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing: commit at the end, roll back when the block raises."""
    connection.execute("begin")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def rewrite_warehouse(settings: Settings) -> None:
    """Write the warehouse's file again from its tables and views, in one step.

    DuckDB frees the blocks of what is deleted, and leaves their bytes in the file.

    Raises:
        WarehouseLocked: another process holds it.
    """
    path = settings.warehouse_file
    new = path.with_name(f"{path.name}.part")
    new.unlink(missing_ok=True)
    with warehouse(settings) as connection:
        connection.execute("checkpoint")
        connection.execute(f"attach {quoted(new)} as rewritten")
        connection.execute(f'copy from database "{path.stem}" to rewritten')
        connection.execute("detach rewritten")
        new.chmod(path.stat().st_mode & 0o777)
        os.replace(new, path)


def quoted(path: Path) -> str:
    """A path as a literal of SQL."""
    return "'" + str(path).replace("'", "''") + "'"


def commit_point(name: str) -> None:
    """Mark a place where a durable step has just been taken.

    Does nothing. The kill tests replace it and stop the process here, so that each promise of
    "killed and run again" is shown at the place it is made.
    """


def state_table_statements() -> list[str]:
    """The SQL statements that create the state tables, read from dbt's own macro."""
    text = STATE_TABLES.read_text(encoding="utf-8")
    body = re.search(r"{% macro create_state_tables\(\) %}(.*){% endmacro %}", text, re.DOTALL)
    if body is None:
        raise RuntimeError(f"{STATE_TABLES}: expected the macro create_state_tables, found none")
    return [statement.strip() for statement in body.group(1).split(";") if statement.strip()]


def _connect(path: Path, *, read_only: bool, timeout: float) -> duckdb.DuckDBPyConnection:
    deadline = time.monotonic() + timeout
    pause = 0.05
    while True:
        try:
            return duckdb.connect(str(path), read_only=read_only)
        except duckdb.IOException as error:
            if "lock" not in str(error).lower():
                raise
            if time.monotonic() >= deadline:
                raise WarehouseLocked(
                    f"{path}: waited {timeout:.0f} s for the warehouse, which is held by "
                    f"{_lock_holder(str(error))}. Wait for it to end, or stop it, and try again."
                ) from error
        time.sleep(pause)
        pause = min(pause * 2, 1.0)


def _lock_holder(message: str) -> str:
    """Name the process in DuckDB's lock error: its id and, where the system tells, its command."""
    match = re.search(r"PID (\d+)", message)
    if match is None:
        return "another process"
    pid = match.group(1)
    command = Path(f"/proc/{pid}/cmdline")
    try:
        words = command.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({words})" if words else f"process {pid}"


def _prepare_state(connection: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Create what is missing, unless the home is another meshcast's: that is left untouched."""
    found = _schema_version(connection)
    if found not in (None, HOME_SCHEMA_VERSION):
        raise HomeNotSupported(
            f"{home}: expected a home of schema version {HOME_SCHEMA_VERSION}, which this meshcast "
            f"writes, found version {found}. Use the meshcast that wrote it, or start a new home "
            "(MESHCAST_HOME), copy its landing/ folder there and run again."
        )
    with transaction(connection):
        for statement in state_table_statements():
            connection.execute(statement)
        if _schema_version(connection) is None:
            connection.execute("insert into state.home values (?)", [HOME_SCHEMA_VERSION])


def _schema_version(connection: duckdb.DuckDBPyConnection) -> int | None:
    exists = connection.execute(
        "select 1 from duckdb_tables() where schema_name = 'state' and table_name = 'home'"
    ).fetchone()
    row = connection.execute("select schema_version from state.home").fetchone() if exists else None
    return row[0] if row else None
