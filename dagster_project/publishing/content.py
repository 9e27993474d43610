"""What a table holds, as numbers that can be compared: fingerprints of partitions, hashes of files.

All of them are sums over the rows, so neither the order of the rows nor the number of threads
changes them. The fingerprint sums DuckDB's own hash, which costs 0.1 s for 1.5 million rows and
decides what has to be written. It is hashed once more before the sum, because without that two rows
that swap a value keep their sum once in 10^8. The content hash sums MD5 (2 s), holds across DuckDB
versions and is computed once per file, from the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from dagster_project.publishing.ports import Port

WHOLE = "all"
UNKNOWN = "unknown"

FINGERPRINTS = """
select
    {partition} as partition,
    count(*) as row_count,
    sum(hash(hash({columns}))),
    sum(hash(hash({compared})))
from "{relation}"
group by 1
order by 1 nulls last
"""

CONTENT = """
select parse_filename(filename), count(*), sum(md5_number_lower(row_text))
from (
    select filename, cast(row({columns}) as varchar) as row_text
    from read_parquet({files}, filename = true)
)
group by filename
"""


@dataclass(frozen=True)
class Partition:
    """What one file of a port is to hold.

    Attributes:
        label: the month, the value, or `all`.
        where: SQL condition of its rows.
        rows: number of rows.
        fingerprint: of all columns.
        compared: of the columns that are compared.
    """

    label: str
    where: str
    rows: int
    fingerprint: str
    compared: str


def table_columns(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """Type by column name, in the table's order."""
    return {
        row[0]: row[1]
        for row in connection.execute(f'describe select * from "{relation}"').fetchall()
    }


def partitions(
    connection: duckdb.DuckDBPyConnection, port: Port, columns: Mapping[str, str]
) -> list[Partition]:
    """The partitions of a port's table, from one scan of it; one empty one if it has no row."""
    cut = "null"
    if port.month_of:
        cut = f"cast(date_trunc('month', {port.month_of}) as date)"
    elif port.value_of:
        cut = port.value_of
    compared_columns = [name for name in columns if name not in port.not_compared]
    rows = connection.execute(
        FINGERPRINTS.format(
            partition=cut,
            columns=", ".join(columns),
            compared=", ".join(compared_columns),
            relation=port.relation,
        )
    ).fetchall()
    schema = f"{duckdb.__version__} {dict(columns)}"
    return [
        Partition(
            *_cut(port, value),
            row_count,
            _digest(schema, row_count, total),
            _digest(schema, row_count, compared),
        )
        for value, row_count, total, compared in rows
    ] or [Partition(WHOLE, "true", 0, _digest(schema, 0), _digest(schema, 0))]


def content_hashes(
    connection: duckdb.DuckDBPyConnection, files: Sequence[Path], columns: Sequence[str]
) -> dict[Path, tuple[int, str]]:
    """Rows of Parquet files of one folder, and the hash of their content in some columns."""
    if not files:
        return {}
    by_name = {
        name: (rows, f"{total:032x}")
        for name, rows, total in connection.execute(
            CONTENT.format(columns=", ".join(columns), files=[str(file) for file in files])
        ).fetchall()
    }
    return {file: by_name.get(file.name, (0, f"{0:032x}")) for file in files}


def combined_hash(hashes: Sequence[str]) -> str:
    """The content hash of several files together, whichever way the rows are spread over them."""
    return f"{sum(int(value, 16) for value in hashes):032x}"


def _cut(port: Port, value: object) -> tuple[str, str]:
    """Label of a partition and the condition of its rows."""
    column = port.month_of or port.value_of
    if column is None:
        return WHOLE, "true"
    if value is None:
        return UNKNOWN, f"{column} is null"
    if isinstance(value, date):
        following = date(value.year + value.month // 12, value.month % 12 + 1, 1)
        return (
            f"{value:%Y-%m}",
            f"{column} >= date '{value}' and {column} < date '{following}'",
        )
    return str(value), f"{column} = {value}"


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(str(part) for part in parts).encode()).hexdigest()[:32]
