"""The table state.landing_files: one row per landed file, accepted or rejected with a reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa


@dataclass(frozen=True)
class RegisteredFile:
    """A row of state.landing_files.

    Attributes:
        file_id: number made from source, entity and path.
        source: name of the source.
        entity: name of the entity.
        path: path below landing/<source>/<entity>/.
        readable_path: path below the home of the Parquet that holds its lines; None: rejected.
        business_on: the day its lines became known.
        format: what its name says it is, or None.
        size_bytes: size of the landed file.
        sha256: of the landed bytes, in hex; None where they cannot be read.
        row_count: lines, those that do not parse included.
        column_names: columns of the readable Parquet.
        extra_columns: those that are not declared.
        first_seen_at: when it was registered as it is.
        status: `accepted` or `rejected`.
        reason: why it was rejected.
    """

    file_id: int
    source: str
    entity: str
    path: str
    readable_path: str | None
    business_on: date | None
    format: str | None
    size_bytes: int
    sha256: str | None
    row_count: int | None
    column_names: tuple[str, ...] | None
    extra_columns: tuple[str, ...] | None
    first_seen_at: datetime
    status: str
    reason: str | None

    @property
    def is_accepted(self) -> bool:
        """Whether the models read the file."""
        return self.status == "accepted"

    @property
    def is_read_in_place(self) -> bool:
        """Whether the models read the landed bytes themselves."""
        return (self.readable_path or "").startswith("landing/")

    def says_the_same_as(self, other: RegisteredFile) -> bool:
        """Whether two rows of a file differ in nothing but the moment they were made."""
        return replace(self, first_seen_at=other.first_seen_at) == other


REGISTER_SCHEMA = pa.schema(
    {
        "file_id": pa.int64(),
        "source": pa.string(),
        "entity": pa.string(),
        "path": pa.string(),
        "readable_path": pa.string(),
        "business_on": pa.date32(),
        "format": pa.string(),
        "size_bytes": pa.int64(),
        "sha256": pa.string(),
        "row_count": pa.int64(),
        "column_names": pa.list_(pa.string()),
        "extra_columns": pa.list_(pa.string()),
        "first_seen_at": pa.timestamp("us", "UTC"),
        "status": pa.string(),
        "reason": pa.string(),
    }
)


def registered_files(
    connection: duckdb.DuckDBPyConnection, source: str, entity: str
) -> dict[str, RegisteredFile]:
    """The rows of one entity by path."""
    columns = ", ".join(REGISTER_SCHEMA.names)
    rows = connection.execute(
        f"select {columns} from state.landing_files where source = ? and entity = ?",
        [source, entity],
    ).fetchall()
    files = [RegisteredFile(*_tuples(row)) for row in rows]
    return {file.path: file for file in files}


def _tuples(row: tuple[Any, ...]) -> Iterator[Any]:
    return (tuple(value) if isinstance(value, list) else value for value in row)


def store(connection: duckdb.DuckDBPyConnection, rows: Sequence[RegisteredFile]) -> None:
    """Write rows, in place of those of the same files."""
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=REGISTER_SCHEMA)
    forget(connection, rows)
    connection.register("registered_now", table)
    try:
        connection.execute("insert into state.landing_files by name select * from registered_now")
    finally:
        connection.unregister("registered_now")


def forget(connection: duckdb.DuckDBPyConnection, rows: Sequence[RegisteredFile]) -> None:
    """Remove the rows of files."""
    connection.execute(
        "delete from state.landing_files where file_id in (select unnest(?::bigint[]))",
        [[row.file_id for row in rows]],
    )
