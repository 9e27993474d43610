"""What of a home other SQL or another key has built: the next dbt build makes it again."""

from __future__ import annotations

import duckdb

COLUMNS = """
select column_name
from duckdb_columns()
where schema_name = 'main' and table_name = ?
"""

LINES = "sales lines"
FEATURES = "features"


def rebuilds(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Name the parts that other SQL than this project's has built: LINES, FEATURES, or neither.

    Lines whose customers are hashed with another key than the home's are such, too. The dbt models
    see the same (`files_to_load`, `origins_to_build`) and act on it; this tells.

    Args:
        connection: one that has our functions, as a writing one has.
    """
    parts = (
        (LINES, "loads", "loading_revision()"),
        (FEATURES, "features_built", "sql_revision()"),
    )
    return tuple(
        part for part, table, revision in parts if _holds_other_code(connection, table, revision)
    )


def _holds_other_code(connection: duckdb.DuckDBPyConnection, table: str, revision: str) -> bool:
    columns = {column for (column,) in connection.execute(COLUMNS, [table]).fetchall()}
    if "code" not in columns:
        return bool(columns)  # there, but from before it kept its revision
    row = connection.execute(
        f"select count(*) from {table} where code is distinct from {revision}"
    ).fetchone()
    return row is not None and row[0] > 0
